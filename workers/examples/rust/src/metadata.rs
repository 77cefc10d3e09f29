//! Queue `image-metadata`: what an image file is.
//!
//! Input `{"source": path or s3://BUCKET/KEY}`; output `{"format": "png" | "jpeg", "width", "height", "bytes"}`, sizes in pixels and bytes.

use crate::bucket::file_of;
use crate::{broken, io, of_image};
use baton_worker::{Task, TaskError};
use image::{ImageFormat, ImageReader};
use serde::{Deserialize, Serialize};

/// What the task is given.
#[derive(Debug, Deserialize)]
pub struct Input {
    /// Path of the image file, or its object.
    pub source: String,
}

/// What the task gives.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// `png` or `jpeg`.
    pub format: &'static str,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Size of the file.
    pub bytes: u64,
}

/// Reads the header of the image; the pixels are not decoded.
///
/// # Errors
/// `Image.Io` when the file can't be read, `Image.Broken` when it is no PNG or JPEG.
pub fn metadata(task: Task) -> Result<Metadata, TaskError> {
    read(&file_of(&task.input::<Input>()?.source)?)
}

fn read(source: &str) -> Result<Metadata, TaskError> {
    let bytes = std::fs::metadata(source).map_err(|e| io(source, e))?.len();
    let reader = ImageReader::open(source)
        .and_then(ImageReader::with_guessed_format)
        .map_err(|e| io(source, e))?;
    let format = match reader.format() {
        Some(ImageFormat::Png) => "png",
        Some(ImageFormat::Jpeg) => "jpeg",
        _ => return Err(broken(source, "neither PNG nor JPEG")),
    };
    let (width, height) = reader.into_dimensions().map_err(|e| of_image(source, e))?;
    Ok(Metadata {
        format,
        width,
        height,
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_headers_of_real_files() {
        let images = concat!(env!("CARGO_MANIFEST_DIR"), "/../images");
        let found = read(&format!("{images}/harbour.jpg")).unwrap();
        assert_eq!(
            (found.format, found.width, found.height),
            ("jpeg", 960, 640)
        );
        let found = read(&format!("{images}/chart.png")).unwrap();
        assert_eq!((found.format, found.width, found.height), ("png", 640, 400));
        assert_eq!(
            read(&format!("{images}/README.md")).unwrap_err().error,
            crate::BROKEN
        );
        assert_eq!(
            read(&format!("{images}/absent.png")).unwrap_err().error,
            crate::IO
        );
    }
}
