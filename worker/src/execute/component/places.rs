//! A bounded list of what a component has handles to: a handle's number is its place in the list.

/// Things by place. A place that is given back is given again, the last first.
pub(super) struct Places<T> {
    slots: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Places<T> {
    /// Gives `thing` a place; [`None`] when there are `most` already.
    pub(super) fn add(&mut self, thing: T, most: usize) -> Option<u32> {
        if let Some(place) = self.free.pop() {
            *self.slots.get_mut(place as usize)? = Some(thing);
            return Some(place);
        }
        let place = u32::try_from(self.slots.len()).ok().filter(|_| self.slots.len() < most)?;
        self.slots.push(Some(thing));
        Some(place)
    }

    pub(super) fn get(&self, place: u32) -> Option<&T> {
        self.slots.get(place as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        self.slots.get_mut(place as usize)?.as_mut()
    }

    pub(super) fn remove(&mut self, place: u32) -> Option<T> {
        let thing = self.slots.get_mut(place as usize)?.take()?;
        self.free.push(place);
        Some(thing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_those_given_back_are_given_again() {
        let mut places = Places::default();
        let given = ["a", "b", "c"].map(|thing| places.add(thing, 2));
        assert_eq!(given, [Some(0), Some(1), None]);
        assert_eq!((places.remove(0), places.remove(0), places.get(0)), (Some("a"), None, None));
        assert_eq!((places.add("d", 2), places.get(0), places.get(1)), (Some(0), Some(&"d"), Some(&"b")));
        assert_eq!((places.add("e", 2), places.get(7)), (None, None));
    }
}
