//! The types of generated programs.

/// A type that every generated value has one of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ty {
    I64,
    U32,
    Bool,
    Str,
    Unit,
    Vec(Box<Ty>),
    Opt(Box<Ty>),
    /// The error is a `String`.
    Res(Box<Ty>),
    Pair(Box<Ty>, Box<Ty>),
    /// Of three.
    Array(Box<Ty>),
    /// The keys are `String`s.
    Map(Box<Ty>),
    /// A struct of the harness.
    Order,
    /// An enum of the harness.
    Shape,
    /// A value that logs when it is dropped.
    Noisy,
}

impl Ty {
    pub(crate) fn vec(of: Ty) -> Self {
        Self::Vec(Box::new(of))
    }

    pub(crate) fn opt(of: Ty) -> Self {
        Self::Opt(Box::new(of))
    }

    pub(crate) fn res(of: Ty) -> Self {
        Self::Res(Box::new(of))
    }

    pub(crate) fn pair(first: Ty, second: Ty) -> Self {
        Self::Pair(Box::new(first), Box::new(second))
    }

    pub(crate) fn array(of: Ty) -> Self {
        Self::Array(Box::new(of))
    }

    pub(crate) fn is_copy(&self) -> bool {
        match self {
            Self::I64 | Self::U32 | Self::Bool | Self::Unit => true,
            Self::Opt(of) | Self::Array(of) => of.is_copy(),
            Self::Pair(first, second) => first.is_copy() && second.is_copy(),
            Self::Str | Self::Vec(_) | Self::Res(_) | Self::Map(_) | Self::Order | Self::Shape | Self::Noisy => false,
        }
    }

    /// Whether `std::mem::take` works on it.
    pub(crate) fn has_default(&self) -> bool {
        match self {
            Self::I64 | Self::U32 | Self::Bool | Self::Str | Self::Unit | Self::Order => true,
            Self::Vec(_) | Self::Opt(_) | Self::Map(_) => true,
            Self::Pair(first, second) => first.has_default() && second.has_default(),
            Self::Array(of) => of.has_default(),
            Self::Res(_) | Self::Shape | Self::Noisy => false,
        }
    }

    /// Whether it can be shown with `{}`.
    pub(crate) fn is_shown(&self) -> bool {
        matches!(self, Self::I64 | Self::U32 | Self::Bool | Self::Str | Self::Noisy)
    }

    pub(crate) fn has_noisy(&self) -> bool {
        match self {
            Self::Noisy => true,
            Self::Vec(of) | Self::Opt(of) | Self::Res(of) | Self::Array(of) | Self::Map(of) => of.has_noisy(),
            Self::Pair(first, second) => first.has_noisy() || second.has_noisy(),
            Self::I64 | Self::U32 | Self::Bool | Self::Str | Self::Unit | Self::Order | Self::Shape => false,
        }
    }

    /// As it is written in Rust.
    pub(crate) fn spelled(&self) -> String {
        match self {
            Self::I64 => "i64".to_owned(),
            Self::U32 => "u32".to_owned(),
            Self::Bool => "bool".to_owned(),
            Self::Str => "String".to_owned(),
            Self::Unit => "()".to_owned(),
            Self::Vec(of) => format!("Vec<{}>", of.spelled()),
            Self::Opt(of) => format!("Option<{}>", of.spelled()),
            Self::Res(of) => format!("Result<{}, String>", of.spelled()),
            Self::Pair(first, second) => format!("({}, {})", first.spelled(), second.spelled()),
            Self::Array(of) => format!("[{}; 3]", of.spelled()),
            Self::Map(of) => format!("BTreeMap<String, {}>", of.spelled()),
            Self::Order => "Order".to_owned(),
            Self::Shape => "Shape".to_owned(),
            Self::Noisy => "Noisy".to_owned(),
        }
    }
}
