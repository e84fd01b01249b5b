#!/usr/bin/env bash
# What flows cost the compiler: N flows of ten awaits each, against the same as plain async functions, and as machines
# written by hand (an enum of states with serde's derives and one function that goes on).
#
#     benches/compile_time.sh [N ...]        default: 10 100 500
#
# Only the crate with the flows is compiled, without incremental compilation. Prints seconds of processor time, which
# other work on the machine changes least, and ratios of one run. Few flows are compiled three times, and the best counts.
set -euo pipefail
# A crate that does not compile takes no time.
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
root=$PWD
sizes=("$@")
[ ${#sizes[@]} -gt 0 ] || sizes=(10 100 500)
work=$root/target/compile_time
letters=(a b c d e f g h i j)

crate() { # kind, size
    local dir=$work/$1_$2
    mkdir -p "$dir/src"
    cat > "$dir/Cargo.toml" <<TOML
[package]
name = "$1_$2"
version = "0.0.0"
edition = "2024"

[dependencies]
stube = { path = "$root" }
serde = { version = "1", features = ["derive"] }

[profile.dev]
debug = 0

[workspace]
TOML
    "$1" "$2" > "$dir/src/main.rs"
}

# The expression that all end with.
total='usize::from(a.len() > n as usize) + usize::from(b) + c.len() + usize::from(d) + e.len() + usize::from(f) + g.len() + usize::from(h) + i.len() + usize::from(j)'

questions() { # what stands after each question
    local n
    for n in "${!letters[@]}"; do
        local ask='Prompt::new(format!("q{n}"))'
        [ $((n % 2)) -eq 0 ] || ask='Confirm::new("sure?")'
        echo "    let ${letters[$n]} = $1${ask}$2.await;"
    done
}

flow() {
    echo 'use stube::{Confirm, Prompt, flow};'
    local k
    for ((k = 0; k < $1; k++)); do
        echo "#[flow] pub async fn flow_$k(n: u64) -> usize {"
        questions '' ''
        echo "    $total }"
    done
    echo 'fn main() {}'
}

plain() {
    echo 'use stube::{Confirm, Prompt};'
    echo 'trait Ask { type Answer; fn ask(self) -> std::future::Ready<Self::Answer>; }'
    echo 'impl Ask for Prompt { type Answer = String; fn ask(self) -> std::future::Ready<String> { std::future::ready(String::new()) } }'
    echo 'impl Ask for Confirm { type Answer = bool; fn ask(self) -> std::future::Ready<bool> { std::future::ready(true) } }'
    echo 'fn run<T>(future: impl Future<Output = T>) -> bool { let mut future = std::pin::pin!(future); future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready() }'
    local k
    for ((k = 0; k < $1; k++)); do
        echo "pub async fn flow_$k(n: u64) -> usize {"
        questions '' '.ask()'
        echo "    $total }"
    done
    echo 'fn main() {'
    for ((k = 0; k < $1; k++)); do echo "    run(flow_$k(1));"; done
    echo '}'
}

hand() {
    echo 'use serde::{Deserialize, Serialize};'
    echo 'use stube::{Component, Confirm, Context, Handled, Next, Prompt, component};'
    local k n m
    for ((k = 0; k < $1; k++)); do
        echo "#[derive(Serialize, Deserialize)] pub enum State$k { Start { n: u64 },"
        for n in "${!letters[@]}"; do
            local fields='n: u64'
            for ((m = 0; m < n; m++)); do
                [ $((m % 2)) -eq 0 ] && fields+=", ${letters[$m]}: String" || fields+=", ${letters[$m]}: bool"
            done
            echo "    ${letters[$n]^} { $fields },"
        done
        echo "    Done }"
        echo "#[derive(Serialize, Deserialize)] pub struct Task$k { state: State$k }"
        echo "#[component] impl Component for Task$k { type Answer = usize;"
        echo "    fn start(&mut self, _: &Context) -> Handled<Self> { let State$k::Start { n } = self.state else { return Ok(Next::stay()) };"
        echo "        self.state = State$k::A { n }; Ok(Next::call(Prompt::new(format!(\"q{n}\")), Self::on_text)) }"
        local kind
        for kind in text sure; do
            local ty=String rest=0
            [ $kind = text ] || { ty=bool; rest=1; }
            echo "    #[resume] fn on_$kind(&mut self, answer: $ty, _: &Context) -> Handled<Self> {"
            echo "        match std::mem::replace(&mut self.state, State$k::Done) {"
            for n in "${!letters[@]}"; do
                [ $((n % 2)) -eq $rest ] || continue
                local names='n'
                for ((m = 0; m < n; m++)); do names+=", ${letters[$m]}"; done
                if [ "$n" -eq 9 ]; then
                    echo "            State$k::J { $names } => { let j = answer; Ok(Next::answer($total)) }"
                else
                    local ask='Prompt::new(format!("q{n}")), Self::on_text'
                    [ $(((n + 1) % 2)) -eq 0 ] || ask='Confirm::new("sure?"), Self::on_sure'
                    echo "            State$k::${letters[$n]^} { $names } => { let ${letters[$n]} = answer; let asked = Next::call($ask);"
                    echo "                self.state = State$k::${letters[$((n + 1))]^} { $names, ${letters[$n]} }; Ok(asked) }"
                fi
            done
            echo "            state => { self.state = state; Ok(Next::stay()) } } }"
        done
        echo "}"
    done
    echo 'fn main() {}'
}

seconds() { # command, kind, size
    local dir=$work/$2_$3 best='' n took times=3
    [ "$3" -lt 50 ] || times=1
    export CARGO_TARGET_DIR=$work/target CARGO_INCREMENTAL=0
    (cd "$dir" && cargo "$1" --quiet)
    local TIMEFORMAT='%U + %S'
    for ((n = 0; n < times; n++)); do
        touch "$dir/src/main.rs"
        took=$({ time (cd "$dir" && cargo "$1" --quiet); } 2>&1 | bc)
        if [ -z "$best" ] || [ "$(echo "$took < $best" | bc)" = 1 ]; then best=$took; fi
    done
    echo "$best"
}

printf '%-6s %6s %9s %9s %9s %11s %11s\n' '' flows flow hand plain flow/hand flow/plain
for command in check build; do
    for size in "${sizes[@]}"; do
        declare -A took=()
        for kind in flow hand plain; do
            crate $kind "$size"
            took[$kind]=$(seconds $command $kind "$size")
        done
        printf '%-6s %6s %8.2fs %8.2fs %8.2fs %10.2fx %10.2fx\n' $command "$size" "${took[flow]}" "${took[hand]}" "${took[plain]}" \
            "$(echo "scale=3; ${took[flow]} / ${took[hand]}" | bc)" "$(echo "scale=3; ${took[flow]} / ${took[plain]}" | bc)"
    done
done
