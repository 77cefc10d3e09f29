//! A chunk of items in the making, within its bounds.

/// See the module.
pub(crate) struct Chunk {
    /// JSON texts.
    pub items: Vec<String>,
    bytes: usize,
    items_max: u64,
    bytes_max: usize,
}

impl Chunk {
    /// An empty chunk.
    pub fn new(items_max: u64, bytes_max: usize) -> Self {
        Self {
            items: Vec::new(),
            bytes: 0,
            items_max,
            bytes_max,
        }
    }

    /// Whether no more is wanted.
    pub fn is_full(&self) -> bool {
        self.items.len() as u64 >= self.items_max || self.bytes >= self.bytes_max
    }

    /// Adds an item, which is JSON.
    pub fn push(&mut self, item: String) {
        self.bytes += item.len();
        self.items.push(item);
    }

    /// Whether these are all items that are still wanted.
    pub fn is_last_of(&self, left: Option<u64>) -> bool {
        left.is_some_and(|left| self.items.len() as u64 >= left)
    }
}
