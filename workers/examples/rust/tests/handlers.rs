//! The image handlers on real files, through the worker library's harness.

use baton_examples::resize::resize;
use baton_worker::testing::{Harness, outcome};
use baton_worker::{Task, TaskError};
use serde_json::{Value, json};

#[tokio::test]
async fn resizing_keeps_proportions_and_refuses_half_a_photo() {
    let images = concat!(env!("CARGO_MANIFEST_DIR"), "/../images");
    let folder = std::env::temp_dir().join(format!("baton-examples-{}", std::process::id()));
    let target = |name: &str| folder.join(name).display().to_string();
    let mut harness = Harness::new("image-resize", async |task: Task| off_thread(task).await);
    for (name, width, height) in [("harbour.jpg", 320, 213), ("chart.png", 160, 100)] {
        let input =
            json!({"source": format!("{images}/{name}"), "target": target(name), "width": width});
        let done = outcome(&harness.call(input).await).unwrap();
        assert_eq!(
            (&done["width"], &done["height"]),
            (&json!(width), &json!(height))
        );
        assert_eq!(
            image::image_dimensions(target(name)).unwrap(),
            (width, height)
        );
    }
    let input = json!({"source": format!("{images}/broken.jpg"), "target": target("broken.jpg"), "width": 100});
    assert_eq!(
        outcome(&harness.call(input).await).unwrap_err().error,
        "Image.Broken"
    );
    assert!(!folder.join("broken.jpg").exists());
    std::fs::remove_dir_all(folder).unwrap();
}

async fn off_thread(task: Task) -> Result<Value, TaskError> {
    let resized = tokio::task::spawn_blocking(|| resize(task))
        .await
        .expect("resizing doesn't panic")?;
    Ok(serde_json::to_value(resized).expect("plain fields"))
}
