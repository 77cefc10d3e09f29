//! Queue `image-resize`: a smaller copy of an image.
//!
//! Input `{"source", "target": path or s3://BUCKET/KEY, "width": pixels}`; output `{"target", "width", "height", "bytes"}`. The height
//! follows from the proportions; the target's extension decides its format.

use crate::bucket::file_of;
use crate::{broken, io, of_image};
use baton_worker::{Task, TaskError};
use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::Path;

/// Error name of an input that makes no sense.
const BAD_WIDTH: &str = "Image.BadWidth";
/// Widest picture that is made, pixels.
const WIDTH_MAX: u32 = 8_192;
/// End-of-image marker.
const JPEG_END: [u8; 2] = [0xff, 0xd9];
/// Bytes in which the marker is looked for: some cameras pad behind it.
const JPEG_TAIL: usize = 1_024;

/// What the task is given.
#[derive(Debug, Deserialize)]
pub struct Input {
    /// Path of the image file, or its object.
    pub source: String,
    /// Path of the file to write, or an object; its folder is made.
    pub target: String,
    /// Width of the copy, pixels.
    pub width: u32,
}

/// What the task gives.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Resized {
    /// What was written, as it was given.
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
    let image = read(&file_of(&source)?)?;
    task.heartbeat(json!({"step": "decoded", "width": image.width(), "height": image.height()}));
    let small = image.resize(width, u32::MAX, FilterType::Triangle);
    let (bytes, height) = (write(&small, &file_of(&target)?)?, small.height());
    Ok(Resized {
        target,
        width: small.width(),
        height,
        bytes,
    })
}

/// Decodes a whole image. The JPEG decoder paints what is missing grey; a copy of half a photo is worse than none, so
/// the end marker is asked for (ITU T.81, B.2.1).
fn read(source: &str) -> Result<DynamicImage, TaskError> {
    let data = std::fs::read(source).map_err(|e| io(source, e))?;
    let tail = &data[data.len().saturating_sub(JPEG_TAIL)..];
    if image::guess_format(&data).ok() == Some(ImageFormat::Jpeg)
        && !tail.windows(2).any(|pair| pair == JPEG_END)
    {
        return Err(broken(source, "the end of the JPEG is missing"));
    }
    image::load_from_memory(&data).map_err(|e| of_image(source, e))
}

/// Writes beside the target and renames, so that nobody ever sees half a file.
fn write(image: &DynamicImage, target: &str) -> Result<u64, TaskError> {
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
