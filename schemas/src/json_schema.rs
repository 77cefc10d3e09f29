//! JSON Schemas of the records, generated from the types.
