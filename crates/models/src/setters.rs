//! Consuming builders, one for each setting.

/// `setters!(Settings { /// docs  field: Type, .. })`: a builder of the name of each field.
macro_rules! setters {
    ($name:ident { $($(#[$docs:meta])* $field:ident: $kind:ty,)* }) => {
        impl $name {
            /// The defaults.
            pub fn new() -> Self {
                Self::default()
            }

            $(
                $(#[$docs])*
                #[must_use]
                pub fn $field(mut self, $field: $kind) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}
pub(crate) use setters;
