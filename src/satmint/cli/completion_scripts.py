"""Scripts that complete a command line in bash, zsh and fish.

Each script finds the command by the words before the cursor, and offers its commands, options and
choices. The words of a choice consist of letters, digits and hyphens; help texts are quoted.
"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Parameter:
    """An option, or an argument if it has no names."""

    names: Sequence[str]
    help: str
    takes_value: bool
    choices: Sequence[str] = ()
    is_file: bool = False
    """Whether its value names a file or a folder."""


@dataclass(frozen=True, slots=True)
class CommandNode:
    """A command or a group of commands."""

    path: str
    """The names on the command line, such as `satmint project create`."""
    commands: Sequence[tuple[str, str]]
    """The names of the commands of a group, and their help."""
    parameters: Sequence[Parameter]


_BASH: Final = """\
# bash completion of satmint. Use it with: source <(satmint completion bash)
_satmint() {
    local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"
    local at=satmint words="" word
    if [[ $cur == "=" ]]; then
        cur=""
    elif [[ $prev == "=" ]]; then
        prev="${COMP_WORDS[COMP_CWORD-2]}"
    fi
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case "$at $word" in
            @PATHS@) at="$at $word" ;;
        esac
    done
    COMPREPLY=()
    case "$at $prev" in
@VALUES@
    esac
    case "$at" in
@WORDS@
    esac
    if [[ $cur != -* && $words == *" <file>"* ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    else
        mapfile -t COMPREPLY < <(compgen -W "${words// <file>/}" -- "$cur")
    fi
}
complete -o filenames -F _satmint satmint
"""

_ZSH: Final = """\
#compdef satmint
# zsh completion of satmint. Use it with: source <(satmint completion zsh)
_satmint() {
    local cur="${words[CURRENT]}" prev="${words[CURRENT-1]}" at=satmint word
    local -a commands options choices
    for word in "${(@)words[2,CURRENT-1]}"; do
        case "$at $word" in
            (@PATHS@) at="$at $word" ;;
        esac
    done
    if [[ $cur == --*=* ]]; then
        prev="${cur%%=*}"
        compset -P '*='
    fi
    case "$at $prev" in
@VALUES@
    esac
    case "$at" in
@WORDS@
    esac
    [[ $cur == -* ]] || _describe -t commands command commands
    _describe -o -t options option options
}
if [[ "$funcstack[1]" == _satmint ]]; then
    _satmint "$@"
else
    compdef _satmint satmint
fi
"""

_FISH: Final = """\
# fish completion of satmint.
set -g __satmint_paths @PATHS@
function __satmint_at
    set -l at satmint
    for word in (commandline -opc)[2..-1]
        if contains -- "$at $word" $__satmint_paths
            set at "$at $word"
        end
    end
    test "$at" = "$argv[1]"
end
complete -c satmint -f
"""


def bash_script(commands: Sequence[CommandNode]) -> str:
    """The script for bash 4 or newer."""
    values, words = [], []
    for command in commands:
        offered = [name for name, _ in command.commands]
        for each in command.parameters:
            offered += [*each.names] if each.names else [*each.choices]
            if not each.names and each.is_file:
                offered.append("<file>")
            if each.names and each.takes_value:
                offer = f'compgen -W "{" ".join(each.choices)}"'
                offer = "compgen -f" if each.is_file else offer
                reply = f'mapfile -t COMPREPLY < <({offer} -- "$cur")'
                values.append(f"        {_alternatives(command, each)}) {reply}; return ;;")
        words.append(f'        "{command.path}") words=" {" ".join(offered)}" ;;')
    return _filled(_BASH, " | ".join(_paths(commands)), values, words)


def zsh_script(commands: Sequence[CommandNode]) -> str:
    """The script for zsh, with its completion system."""
    values, words = [], []
    for command in commands:
        offered = [f"{name}:{text}" for name, text in command.commands]
        options = []
        for each in command.parameters:
            options += [f"{name}:{each.help}" for name in each.names]
            if not each.names:
                offered += each.choices
            if each.names and each.takes_value:
                offer = f"compadd -- {' '.join(each.choices)}" if each.choices else ":"
                offer = "_files" if each.is_file else offer
                values.append(f"        ({_alternatives(command, each)}) {offer}; return ;;")
        files = " _files" if any(e.is_file and not e.names for e in command.parameters) else ""
        words.append(
            f'        ("{command.path}")'
            f" commands=({' '.join(map(shlex.quote, offered))})"
            f" options=({' '.join(map(shlex.quote, options))});{files} ;;"
        )
    return _filled(_ZSH, " | ".join(_paths(commands)), values, words)


def fish_script(commands: Sequence[CommandNode]) -> str:
    """The script for fish 3 or newer."""
    lines = [_FISH.replace("@PATHS@", " ".join(_paths(commands)))]
    for command in commands:
        start = f"complete -c satmint -n '__satmint_at \"{command.path}\"'"
        lines += [f"{start} -a {name} -d {_fish_quoted(text)}\n" for name, text in command.commands]
        for each in command.parameters:
            lines.append(f"{start} {' '.join(_fish_options(each))}\n")
    return "".join(lines)


def _fish_options(parameter: Parameter) -> Iterator[str]:
    for name in parameter.names:
        yield f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
    if parameter.names and parameter.takes_value:
        yield "-r"
    if parameter.is_file:
        yield "-F"
    if parameter.choices:
        yield f"-a '{' '.join(parameter.choices)}'"
    yield f"-d {_fish_quoted(parameter.help)}"


def _fish_quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _paths(commands: Sequence[CommandNode]) -> list[str]:
    """The paths of all commands but the program, quoted."""
    return [f'"{command.path}"' for command in commands if " " in command.path]


def _alternatives(command: CommandNode, option: Parameter) -> str:
    return " | ".join(f'"{command.path} {name}"' for name in option.names)


def _filled(script: str, paths: str, values: Sequence[str], words: Sequence[str]) -> str:
    filled = script.replace("@PATHS@", paths)
    return filled.replace("@VALUES@", "\n".join(values)).replace("@WORDS@", "\n".join(words))
