//! Methods that set the fields of options, one for each field.
//!
//! The options are non-exhaustive, so that fields can be added; other crates therefore build them with these methods. Must
//! not be used for types whose fields depend on each other.

/// Implements `new` and, for each listed field, a method with the same name that sets it. The listed type is that of the
/// argument, which is converted if necessary.
macro_rules! setters {
    ($options:ident { $($field:ident: $argument:ty),* $(,)? }) => {
        /// One method for each field.
        impl $options {
            /// Returns the default options.
            pub fn new() -> Self {
                Self::default()
            }

            $(
                #[doc = concat!("Sets [`", stringify!($options), "::", stringify!($field), "`].")]
                #[must_use]
                pub fn $field(mut self, $field: $argument) -> Self {
                    self.$field = $field.into();
                    self
                }
            )*
        }
    };
}

pub(crate) use setters;
