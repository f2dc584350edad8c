#!/usr/bin/env bash
# Manual pages and completions: they are valid, and name all that the program has.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
made=$build/src/package

# The pages: no warning by either formatter.
for page in "$made"/man/*; do
    mandoc -Tlint -W warning "$page" || fail "$page"
    [ -z "$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l "$page" 2>&1 >/dev/null)" ] || fail "$page: groff"
    mandoc -Tutf8 "$page" | col -b >"$(basename "$page").txt"
done
for file in CITATION.cff "$made/mnist_distConfigVersion.cmake"; do
    grep -qw "$("$program" --version | cut -d' ' -f2)" "$source/$file" "$file" 2>/dev/null || fail "$file: another version"
done

# All commands, options and keys are in them; and every layer that the README has.
named() {
    grep -qF -- "$1" "$2" || fail "$2 does not name $1"
}
commands=$("$program" --help | sed -n '/^Train /,/^$/s/^.\{10\}\([a-z-]*\) .*/\1/p')
[ "$(wc -l <<<"$commands")" -ge 10 ] || fail "the help has no commands"
for command in $commands; do
    named "mnist_dist $command" mnist_dist.1.txt
    for option in $("$program" "$command" --help | sed -n 's/^  ...  *\(--[a-z-]*\).*/\1/p'); do
        named "$option" mnist_dist.1.txt
    done
done
keys=$("$program" train --help | sed -n 's/^ [ *] \([a-z_]*\.[a-z_0-9]*\) .*/\1/p')
[ "$(wc -l <<<"$keys")" -ge 60 ] || fail "the help has no keys"
for key in $keys; do named "$key" mnist_dist.yaml.5.txt; done
sed -n '/^| layer /,/^$/p' "$source/README.md" | grep -o '^| .* | ' | grep -o '`[a-z]*' | tr -d '`' >layers.txt
[ "$(wc -l <layers.txt)" -ge 10 ] || fail "the README has no layers"
while read -r layer; do named "$layer" mnist_dist.yaml.5.txt; done <layers.txt

# Every dataset and attribute of the files is in their page.
make_digits 300 20
train 2 "${quick[@]}" --out run average.kind=ema average.decay=0.9 training.epochs=2 >/dev/null
train 2 "${quick[@]}" --out run average.kind=ema average.decay=0.9 training.epochs=3 >/dev/null
for file in digits.h5 run/metrics.h5 run/predictions.h5 run/checkpoints/step-*.h5; do
    h5ls -r "$file" | sed -n 's/^\([^ ]*\) *Dataset.*/\1/p' | sed 's|/model_weights/.*/|/|; s|.*/||' >objects.txt
    h5dump -A "$file" | sed -n 's/.*ATTRIBUTE "\([a-z_]*\).*/\1/p' >>objects.txt
    while read -r object; do named "$object" mnist_dist-files.5.txt; done <objects.txt
done
for file in run/*; do [ "$file" = run/tensorboard ] || named "${file#run/}" mnist_dist-files.5.txt; done

# bash_completes WORDS...: what bash offers for the last of them.
bash_completes() {
    bash -c '. "$1"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _mnist_dist; printf "%s\n" "${COMPREPLY[@]}"' \
        bash "$made/bash/mnist_dist" mnist_dist "$@"
}
offers() {
    local wanted=$1
    shift
    "$@" >offered.txt
    grep -qxF -- "$wanted" offered.txt || { cat offered.txt; fail "not offered: $wanted ($*)"; }
}
shellcheck -s bash "$made/bash/mnist_dist"
offers train bash_completes tr
offers --resume bash_completes train --re
offers never bash_completes train --resume ''
offers training.epochs= bash_completes training.ep
offers adamw bash_completes train optimizer.kind =
offers adamw bash_completes optimizer.kind = ad
offers digits.h5 bash_completes train --data dig
offers gemm bash_completes bench g
offers run bash_completes report r
[ "$(bash_completes import --j)" = '' ] || fail "bash: an option of another command"

fish_completes() {
    # shellcheck disable=SC2016 # fish expands these
    fish --no-config -c 'source $argv[1]; complete -C $argv[2]' "$made/fish/mnist_dist.fish" "$1" | cut -f 1
}
offers train fish_completes 'mnist_dist tr'
offers --resume fish_completes 'mnist_dist train --re'
offers never fish_completes 'mnist_dist train --resume n'
offers training.epochs= fish_completes 'mnist_dist training.ep'
offers optimizer.kind=adamw fish_completes 'mnist_dist train optimizer.kind=ad'
offers gemm fish_completes 'mnist_dist bench g'
offers digits.h5 fish_completes 'mnist_dist evaluate dig'
if fish_completes 'mnist_dist import --j' | grep -q json; then fail "fish: an option of another command"; fi

# zsh completes on a terminal only: what a line has become there is read back.
cat >complete.zsh <<'ZSH'
zmodload zsh/zpty
zpty z TERM=dumb zsh -f -i
zpty -w z "PS1=; stty -echo; fpath=($1 \$fpath); autoload -U compinit; compinit -u -D"
zpty -w z 'accept() { print -r -- "got<$BUFFER>"; BUFFER=; zle .accept-line }; zle -N accept'
zpty -w z 'bindkey "^I" complete-word; bindkey "^X" accept; print rea''dy'
zpty -r z line '*ready*'
zpty -w -n z "$2"$'\t\x18'
zpty -r z line '*got<*>*'
print -r -- "$line"
ZSH
zsh_completes() {
    timeout 60 zsh -f complete.zsh "$made/zsh" "$1" | sed -n 's/.*got<\(.*[^ ]\) *>.*/\1/p'
}
zsh -n "$made/zsh/_mnist_dist" || fail "zsh: syntax"
offers 'mnist_dist train' zsh_completes 'mnist_dist tra'
offers 'mnist_dist training.epochs=' zsh_completes 'mnist_dist training.ep'
offers 'mnist_dist train optimizer.kind=rmsprop' zsh_completes 'mnist_dist train optimizer.kind=rm'
offers 'mnist_dist import --output' zsh_completes 'mnist_dist import --ou'
