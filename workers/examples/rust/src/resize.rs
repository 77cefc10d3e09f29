//! Queue `image-resize`: a smaller copy of an image.
//!
//! Input `{"source": path, "target": path, "width": pixels}`; output `{"target", "width", "height", "bytes"}`. The height
//! follows from the proportions; the target's extension decides its format.

use crate::{io, of_image};
use baton_worker::{Task, TaskError};
use image::imageops::FilterType;
use image::{ImageFormat, ImageReader};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::Path;

/// Error name of an input that makes no sense.
const BAD_WIDTH: &str = "Image.BadWidth";
/// Widest picture that is made, pixels.
const WIDTH_MAX: u32 = 8_192;

/// What the task is given.
#[derive(Debug, Deserialize)]
pub struct Input {
    /// Path of the image file.
    pub source: String,
    /// Path of the file to write; its folder is made.
    pub target: String,
    /// Width of the copy, pixels.
    pub width: u32,
}

/// What the task gives.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Resized {
    /// Path of the file written.
    pub target: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Size of the file.
    pub bytes: u64,
}

/// Decodes, scales and encodes. Doing it twice writes the same file twice, so a repeated task does no harm.
///
/// # Errors
/// `Image.Io` when a file can't be read or written, `Image.Broken` when the source is no whole PNG or JPEG.
pub fn resize(task: Task) -> Result<Resized, TaskError> {
    let Input {
        source,
        target,
        width,
    } = task.input()?;
    if !(1..=WIDTH_MAX).contains(&width) {
        return Err(TaskError::new(
            BAD_WIDTH,
            format!("width is {width}: must be 1 to {WIDTH_MAX}"),
        ));
    }
    let image = ImageReader::open(&source)
        .and_then(ImageReader::with_guessed_format)
        .map_err(|e| io(&source, e))?
        .decode()
        .map_err(|e| of_image(&source, e))?;
    task.heartbeat(json!({"step": "decoded", "width": image.width(), "height": image.height()}));
    let small = image.resize(width, u32::MAX, FilterType::Triangle);
    let (bytes, height) = (write(&small, &target)?, small.height());
    Ok(Resized {
        target,
        width: small.width(),
        height,
        bytes,
    })
}

/// Writes beside the target and renames, so that nobody ever sees half a file.
fn write(image: &image::DynamicImage, target: &str) -> Result<u64, TaskError> {
    let format = ImageFormat::from_path(target).map_err(|e| of_image(target, e))?;
    if let Some(folder) = Path::new(target).parent() {
        std::fs::create_dir_all(folder).map_err(|e| io(target, e))?;
    }
    let part = format!("{target}.part");
    image
        .save_with_format(&part, format)
        .map_err(|e| of_image(&part, e))?;
    std::fs::rename(&part, target).map_err(|e| io(target, e))?;
    Ok(std::fs::metadata(target).map_err(|e| io(target, e))?.len())
}
