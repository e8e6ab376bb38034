//! A peer's handles to ours: a table in pages, so that one high handle takes little room. Looked up for each transfer.

const PAGE: usize = 64;

/// No handle of ours is this high.
const NONE: u32 = u32::MAX;

#[derive(Debug, Default)]
pub(crate) struct Handles {
    pages: Vec<Option<Box<[u32; PAGE]>>>,
}

const fn place(remote: u32) -> (usize, usize) {
    ((remote >> 6) as usize, (remote & 63) as usize)
}

impl Handles {
    pub(crate) fn get(&self, remote: u32) -> Option<u32> {
        let (page, at) = place(remote);
        self.pages.get(page)?.as_ref()?.get(at).copied().filter(|local| *local != NONE)
    }

    pub(crate) fn set(&mut self, remote: u32, local: u32) {
        let (page, at) = place(remote);
        if self.pages.len() <= page {
            self.pages.resize_with(page.saturating_add(1), || None);
        }
        let Some(slot) = self.pages.get_mut(page) else {
            return;
        };
        if let Some(entry) = slot.get_or_insert_with(|| Box::new([NONE; PAGE])).get_mut(at) {
            *entry = local;
        }
    }

    pub(crate) fn clear(&mut self, remote: u32) {
        let (page, at) = place(remote);
        if let Some(entry) = self.pages.get_mut(page).and_then(Option::as_mut).and_then(|page| page.get_mut(at)) {
            *entry = NONE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_found_until_they_are_cleared() {
        let mut handles = Handles::default();
        handles.set(0, 7);
        handles.set(9999, 8);
        assert_eq!(
            (handles.get(0), handles.get(9999), handles.get(1), handles.get(20_000)),
            (Some(7), Some(8), None, None)
        );
        handles.clear(9999);
        assert_eq!(handles.get(9999), None);
    }
}
