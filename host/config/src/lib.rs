//! KDL text to validated settings, every problem at once and at its place.
