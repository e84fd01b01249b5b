//! The macro that compiles and runs a body both ways.

/// `same! { [(1), (2)] async fn body(n: u32) -> u32 { .. } }` runs the body with each of the arguments. Functions in
/// brackets after it are flows that it calls.
macro_rules! same {
    (calls { $(async fn $callee:ident $callee_params:tt -> [$($callee_output:tt)*] $callee_body:tt)* }
     [$($args:tt),*] async fn $name:ident $($rest:tt)*) => {
        mod $name {
            mod plain {
                #[allow(unused_imports, reason = "a body may ask nothing")]
                use crate::*;
                $(
                    // Boxed, because they may call each other.
                    pub(super) fn $callee $callee_params -> std::pin::Pin<Box<dyn Future<Output = $($callee_output)*>>> {
                        Box::pin(async move $callee_body)
                    }
                )*
                pub(super) async fn $name $($rest)*
            }
            mod flow {
                #[allow(unused_imports, reason = "a body may ask nothing")]
                use crate::*;
                $(
                    #[stube::flow]
                    pub(super) async fn $callee $callee_params -> $($callee_output)* $callee_body
                )*
                #[stube::flow]
                pub(super) async fn $name $($rest)*
            }
            #[test]
            fn same_as_async() {
                $(crate::check(|| plain::$name $args, || flow::$name $args);)*
            }
        }
    };
    ([$($args:tt),*] async fn $name:ident $($rest:tt)*) => {
        same! { calls {} [$($args),*] async fn $name $($rest)* }
    };
}
