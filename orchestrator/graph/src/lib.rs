//! A definition as a picture: layers from top to bottom, as SVG. PURE.
//!
//! Owns: where each state, transition and scope goes, and how they are drawn. A transition never leaves its scope, so a
//! scope within a Parallel or Map is laid out first and is then one sized box of the scope around it. The same definition
//! gives the same picture, to the byte. Must not: check definitions (what can't be drawn is left out), read or write files.
//!
//! Reading path: [`svg`], `scope` (states and links), `layers`, `order`, `place` (where), `draw` (SVG).

mod draw;
mod layers;
pub mod limits;
mod order;
mod place;
mod scope;

use serde_json::Value;

/// The definition as SVG.
///
/// # Errors
/// Why there is nothing to draw, in words.
pub fn svg(definition: &Value) -> Result<String, String> {
    let scope = scope::read(definition)?;
    Ok(draw::svg(&place::lay(&scope)))
}
