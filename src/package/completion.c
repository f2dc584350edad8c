/* Completion for bash, zsh and fish: commands, their options and the values of these, keys and the
 * values of choices. All three offer the same. */
#include <string.h>

#include "command/arguments_table.h"
#include "package/texts.h"
#include "train/config_keys.h"

/* Text between single quotes. */
static void quote(FILE *out, const char *text) {
    fputc('\'', out);
    for (; *text != '\0'; text++) fputs(*text == '\'' ? "'\\''" : (char[]){*text, '\0'}, out);
    fputc('\'', out);
}

/* "--config --data ... ": the options that a command takes. */
static void put_options(FILE *out, const Command *command) {
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (!command_takes(command, i)) continue;
        fprintf(out, " --%s", OPTIONS[i].name);
        if (OPTIONS[i].letter != 0) fprintf(out, " -%c", OPTIONS[i].letter);
    }
}

static void put_words(FILE *out, const Command *command) {
    for (size_t i = 0; command->words != NULL && command->words[i] != NULL; i++)
        fprintf(out, " %s", command->words[i]);
}

static void put_commands(FILE *out) {
    for (size_t i = 0; i < COMMAND_COUNT; i++) fprintf(out, " %s", COMMANDS[i].name);
}

static void put_keys(FILE *out) {
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) fprintf(out, " %s", CONFIG_KEYS[i].name);
}

/* Shell variables that bash and zsh share: NAME='words' of each command and key, by a case. */
static void put_tables(FILE *out) {
    char values[256];
    fputs("    case $command in\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const Command *command = &COMMANDS[i];
        fprintf(out, "    %s)\n        options='", command->name);
        put_options(out, command);
        fputs("'\n        words='", out);
        put_words(out, command);
        fputs("'\n        keys='", out);
        if (command->keys != KEYS_NONE) put_keys(out);
        fputs("' ;;\n", out);
    }
    fputs("    esac\n    case $key in\n", out);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++)
        if (*texts_values(values, i) != '\0')
            fprintf(out, "    %s) values='%s' ;;\n", CONFIG_KEYS[i].name, values);
    fputs("    esac\n    case $before in\n", out);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        static const char *const kinds[] = {"", "words", "file", "folder", "other"};
        ValueKind kind = texts_option(values, i);
        if (kind == VALUE_NONE) continue;
        fprintf(out, "    --%s", OPTIONS[i].name);
        if (OPTIONS[i].letter != 0) fprintf(out, " | -%c", OPTIONS[i].letter);
        fprintf(out, ") kind=%s words='%s' ;;\n", kinds[kind], values);
    }
    fputs("    esac\n", out);
}

/* The command is the first word that is one; without one it is train. */
static void put_command_search(FILE *out, const char *list) {
    fprintf(out,
            "    command=train named=''\n"
            "    for word in %s; do\n        case $word in\n        ",
            list);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "%s%s", i > 0 ? " | " : "", COMMANDS[i].name);
    fputs(") command=$word named=1 && break ;;\n        esac\n    done\n", out);
}

void completion_bash(FILE *out) {
    fputs("# Completion of mnist_dist for bash.\n"
          "_mnist_dist() {\n"
          "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    local command named word key='' kind='' options='' words='' keys='' values=''\n"
          "    COMPREPLY=()\n",
          out);
    put_command_search(out, "\"${COMP_WORDS[@]:1:COMP_CWORD-1}\"");
    fputs("    # The equals sign of key=value parts words, too.\n"
          "    if [ \"$current\" = = ]; then\n"
          "        key=$before current=\n"
          "    elif [ \"$before\" = = ] && [ \"$COMP_CWORD\" -ge 2 ]; then\n"
          "        key=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    fi\n",
          out);
    put_tables(out);
    fputs(
        "    if [ -n \"$key\" ]; then\n"
        "        case $key in --*) ;; *)\n"
        "            mapfile -t COMPREPLY < <(compgen -W \"$values\" -- \"$current\")\n"
        "            [ -n \"$values\" ] || mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
        "            return ;;\n"
        "        esac\n"
        "    fi\n"
        "    case $kind in\n"
        "    folder) compopt -o filenames 2>/dev/null\n"
        "        mapfile -t COMPREPLY < <(compgen -d -- \"$current\") && return ;;\n"
        "    file) compopt -o filenames 2>/dev/null\n"
        "        mapfile -t COMPREPLY < <(compgen -f -- \"$current\") && return ;;\n"
        "    words) mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\") && return ;;\n"
        "    other) return ;;\n"
        "    esac\n"
        "    case $current in\n"
        "    -*) mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$current\") && return ;;\n"
        "    esac\n"
        "    [ -n \"$named\" ] || words=\"$words",
        out);
    put_commands(out);
    fputs("\"\n"
          "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
          "    if [ ${#COMPREPLY[@]} -eq 0 ] || [ -n \"$current\" ]; then\n"
          "        local found\n"
          "        mapfile -t found < <(compgen -S = -W \"$keys\" -- \"$current\")\n"
          "        [ ${#found[@]} -eq 0 ] || compopt -o nospace 2>/dev/null\n"
          "        COMPREPLY+=(\"${found[@]}\")\n"
          "    fi\n"
          "    [ -z \"$named\" ] || [ \"${#COMPREPLY[@]}\" -gt 0 ] || {\n"
          "        compopt -o filenames 2>/dev/null\n"
          "        mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
          "    }\n"
          "}\n"
          "complete -F _mnist_dist mnist_dist\n",
          out);
}

void completion_zsh(FILE *out) {
    fputs("#compdef mnist_dist\n"
          "# Completion of mnist_dist for zsh.\n"
          "_mnist_dist() {\n"
          "    local before=${words[CURRENT-1]} current=${words[CURRENT]}\n"
          "    local -a typed=(\"${(@)words[2,CURRENT-1]}\")\n"
          "    local command named word key= kind= options= keys= values= words=\n",
          out);
    put_command_search(out, "\"${typed[@]}\"");
    fputs("    [[ $current == *.*=* ]] && key=${current%%=*}\n", out);
    put_tables(out);
    fputs("    if [[ -n $key ]]; then\n"
          "        compset -P '*='\n"
          "        if [[ -n $values ]]; then compadd -- ${=values}; else _files; fi\n"
          "        return\n"
          "    fi\n"
          "    case $kind in\n"
          "    folder) _files -/; return ;;\n"
          "    file) _files; return ;;\n"
          "    words) compadd -- ${=words}; return ;;\n"
          "    other) return ;;\n"
          "    esac\n"
          "    if [[ $current == -* ]]; then compadd -- ${=options}; return; fi\n"
          "    [[ -n $named ]] || words=\"$words",
          out);
    put_commands(out);
    fputs("\"\n"
          "    [[ -z $words ]] || compadd -- ${=words}\n"
          "    [[ -z $keys ]] || compadd -S = -- ${=keys}\n"
          "    [[ -z $named ]] || _files\n"
          "}\n"
          "_mnist_dist \"$@\"\n",
          out);
}

static void put_fish_option(FILE *out, size_t option) {
    char words[256];
    const Option *row = &OPTIONS[option];
    ValueKind kind = texts_option(words, option);
    fputs("complete -c mnist_dist", out);
    if (kind == VALUE_FILE)
        fputs(" -r -F", out);
    else if (kind == VALUE_FOLDER)
        fputs(" -x -a '(__fish_complete_directories)'", out);
    else if (kind != VALUE_NONE)
        fprintf(out, " -x -a '%s'", words);
    fprintf(out, " -l %s", row->name);
    if (row->letter != 0) fprintf(out, " -s %c", row->letter);
    fputs(" -d ", out);
    quote(out, row->help);
    fputs(" -n '__mnist_dist_is", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (command_takes(&COMMANDS[i], option)) fprintf(out, " %s", COMMANDS[i].name);
    fputs("'\n", out);
}

static void put_fish_key(FILE *out, size_t key) {
    char values[256], *rest = NULL;
    texts_values(values, key);
    fputs("complete -c mnist_dist -n '__mnist_dist_is", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (COMMANDS[i].keys != KEYS_NONE) fprintf(out, " %s", COMMANDS[i].name);
    fputs("' -a '", out);
    if (values[0] == '\0') fprintf(out, "%s=", CONFIG_KEYS[key].name);
    for (char *word = strtok_r(values, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        fprintf(out, "%s=%s ", CONFIG_KEYS[key].name, word);
    fputs("' -d ", out);
    quote(out, CONFIG_KEYS[key].help);
    fputc('\n', out);
}

void completion_fish(FILE *out) {
    fputs("# Completion of mnist_dist for fish.\n"
          "# Whether the command is one of these; without a command it is train.\n"
          "function __mnist_dist_is\n"
          "    for word in (commandline -opc)[2..]\n"
          "        if contains -- $word",
          out);
    put_commands(out);
    fputs("\n            contains -- $word $argv\n            return\n        end\n    end\n"
          "    contains -- train $argv\nend\n"
          "function __mnist_dist_unnamed\n    not __fish_seen_subcommand_from",
          out);
    put_commands(out);
    fputs("\nend\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const Command *command = &COMMANDS[i];
        fprintf(out, "complete -c mnist_dist -n __mnist_dist_unnamed -f -a %s -d ", command->name);
        quote(out, command->help);
        fputc('\n', out);
        if (command->words == NULL) continue;
        fprintf(out, "complete -c mnist_dist -n '__fish_seen_subcommand_from %s' -a '",
                command->name);
        put_words(out, command);
        fputs("'\n", out);
    }
    for (size_t i = 0; i < OPTION_COUNT; i++) put_fish_option(out, i);
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) put_fish_key(out, i);
}
