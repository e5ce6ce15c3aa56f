//! The README of the project and the pages of the guide, so that the code in them is tested.

macro_rules! pages {
    ($($name:ident: $path:literal;)*) => {$(
        #[doc = include_str!($path)]
        mod $name {}
    )*};
}

pages! {
    readme: "../../../README.md";
}
