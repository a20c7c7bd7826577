import { flagsOf, SETTING_NAMES, SETTINGS } from "../config/settings.ts";
import { COMMANDS, type Command, type SHELLS } from "./command-table.ts";

const OF_ALL = ["--help", "--version"];
const SETTING_FLAGS = SETTING_NAMES.flatMap((name) =>
  flagsOf(name).map((flag) => ({ flag: `--${flag}`, takesValue: SETTINGS[name].kind.flag !== "switch" })),
);

/** The script by which that shell completes the words after `freshline`: commands, their flags, settings, files. */
export function completion(shell: (typeof SHELLS)[number]): string {
  switch (shell) {
    case "bash":
      return bash();
    case "zsh":
      // What bash runs, zsh runs by an emulation of its own.
      return `autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n${bash()}`;
    case "fish":
      return fish();
  }
}

const flagsFor = ({ flags, json }: Command): string[] => [
  ...flags.map(({ flag }) => flag),
  ...(json ? ["--json"] : []),
];

function bash(): string {
  const cases = COMMANDS.map((command) => {
    const { words } = command;
    const operands = Array.isArray(words) ? words.join(" ") : "";
    return `    ${command.name}) words="${operands}" flags="${flagsFor(command).join(" ")}"${words === "files" ? " files=1" : ""} ;;`;
  });
  const settings = SETTING_FLAGS.map(({ flag }) => flag).join(" ");
  const valued = [...SETTING_FLAGS, ...COMMANDS.flatMap(({ flags }) => flags)]
    .filter(({ takesValue }) => takesValue)
    .map(({ flag }) => flag);
  return `# Completes freshline in bash, and in zsh by bashcompinit.
_freshline_files() {
  local name
  while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -f -- "$1")
}
_freshline() {
  local word="\${COMP_WORDS[COMP_CWORD]}" command="" words="${COMMANDS.map(({ name }) => name).join(" ")}" flags="" files="" i
  COMPREPLY=()
  case "\${COMP_WORDS[COMP_CWORD-1]}" in
    # Its value is anybody's guess, or the name of a file.
    ${[...new Set(valued)].join("|")})
      _freshline_files "$word"
      return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      -*) ;;
      ${COMMANDS.map(({ name }) => name).join("|")}) command="\${COMP_WORDS[i]}"; break ;;
    esac
  done
  case "$command" in
    "") flags="--clear-cache" ;;
${cases.join("\n")}
  esac
  if [[ "$word" == -* ]]; then words="$flags ${OF_ALL.join(" ")} ${settings}"; files=""; fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  if [[ -n "$files" ]]; then _freshline_files "$word"; fi
}
complete -o filenames -F _freshline freshline
`;
}

function fish(): string {
  const quoted = (text: string) => `'${text.replace(/[\\']/g, "\\$&")}'`;
  const option = (flag: string) => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`);
  const names = COMMANDS.map(({ name }) => name).join(" ");
  const none = `not __fish_seen_subcommand_from ${names}`;
  const lines = COMMANDS.flatMap((command) => {
    const { name, about, words, flags, json } = command;
    const seen = `__fish_seen_subcommand_from ${name}`;
    return [
      `complete -c freshline -n ${quoted(none)} -a ${name} -d ${quoted(about)}`,
      ...(words === "files" ? [`complete -c freshline -n ${quoted(seen)} -F`] : []),
      ...(Array.isArray(words)
        ? [`complete -c freshline -n ${quoted(seen)} -a ${quoted(words.join(" "))}`]
        : []),
      ...flags.map(
        ({ flag, takesValue }) =>
          `complete -c freshline -n ${quoted(seen)} ${option(flag)}${takesValue ? " -r" : ""}`,
      ),
      ...(json ? [`complete -c freshline -n ${quoted(seen)} -l json`] : []),
    ];
  });
  return [
    "# Completes freshline in fish.",
    "complete -c freshline -f",
    ...lines,
    ...OF_ALL.map((flag) => `complete -c freshline ${option(flag)}`),
    ...SETTING_NAMES.flatMap((name) =>
      flagsOf(name).map((flag) => {
        const { meaning, kind } = SETTINGS[name];
        return `complete -c freshline -l ${flag}${kind.flag === "switch" ? "" : " -r"} -d ${quoted(meaning)}`;
      }),
    ),
    "",
  ].join("\n");
}
