//! The command for operators, without the flows of any application. See [`stube::cli`].

fn main() -> std::process::ExitCode {
    stube::cli::main()
}
