//! Bounds of the picture, each named once. Lengths are in SVG's user units.

/// Deepest nesting of Parallel and Map that is drawn.
pub const DEPTH_MAX: usize = 32;
/// Most states that are drawn.
pub const STATES_MAX: usize = 10_000;
/// Rounds in which the order within layers is made better.
pub const ORDER_ROUNDS: usize = 12;
/// Rounds in which boxes move towards what they are linked with.
pub const PLACE_ROUNDS: usize = 12;
/// Longest text on a box or beside an edge, characters.
pub const TEXT_LENGTH_MAX: usize = 36;

/// Width of a character.
pub const CHARACTER: f64 = 7.4;
/// Height of a box without scopes within.
pub const BOX_HEIGHT: f64 = 44.0;
/// Smallest width of a box.
pub const BOX_WIDTH_MIN: f64 = 96.0;
/// Around a box's text, and around the scopes within a box.
pub const PADDING: f64 = 16.0;
/// Height of the name above the scopes within a box.
pub const HEADING: f64 = 28.0;
/// Between boxes of a layer.
pub const GAP: f64 = 28.0;
/// Between layers.
pub const LAYER_GAP: f64 = 48.0;
/// Width of the place that an edge takes in the layers that it passes.
pub const LANE: f64 = 12.0;
/// Diameter of the marks of start and end.
pub const MARK: f64 = 22.0;
