/* The help, from the tables of commands, options and keys.
 *
 * The program's own fits a terminal of 24 lines and 80 columns, which a unit test sees to: what a
 * command does takes half a line there, and its options and details are in its own help. */
#include <string.h>

#include "command/arguments_table.h"

static void print_option(FILE *out, const Option *option) {
    char name[64];
    const char *value = option->value != NULL ? option->value : "";
    const char *gap = *value == '\0' || option_is_optional(option) ? "" : " ";
    snprintf(name, sizeof name, "--%s%s%s", option->name, gap, value);
    char letter[] = "   ";
    if (option->letter != 0) snprintf(letter, sizeof letter, "-%c,", option->letter);
    fprintf(out, "  %s %-16s %s\n", letter, name, option->help);
}

static void print_command_help(FILE *out, const Command *command) {
    fprintf(out, "Usage: mnist_dist %s %s\n\nTo %s.\n", command->name, command->synopsis,
            command->help);
    if (command->details != NULL) fprintf(out, "%s\n", command->details);
    fputs("\nOptions:\n", out);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (command_takes(command, i)) print_option(out, &OPTIONS[i]);
    if (command->keys == KEYS_OF_CHECKPOINT)
        fputs("\nA key=value goes on top of the checkpoint's configuration: data.path, "
              "training.threads.\n",
              out);
    if (command->keys == KEYS_OF_CONFIGS)
        fputs("\nA key=value goes on top of each configuration: training.epochs=3.\n", out);
    if (command->keys != KEYS_OF_RUN) return;
    fputc('\n', out);
    config_help(out);
}

/* The group's name stands beside its first command. */
static void print_group(FILE *out, const char *group) {
    const char *heading = group;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const Command *command = &COMMANDS[i];
        if (strcmp(command->group, group) != 0) continue;
        fprintf(out, "%-9s %-13s %s\n", heading, command->name, command->help);
        heading = "";
    }
}

static void print_program_help(FILE *out) {
    fputs("Usage: mnist_dist [COMMAND] [OPTIONS] [key=value ...]\n"
          "Trains a network to read handwritten digits, on many processes. No command means\n"
          "train, which needs no argument: mpirun -np 8 mnist_dist training.epochs=5\n\n",
          out);
    for (size_t i = 0; COMMAND_GROUPS[i] != NULL; i++) print_group(out, COMMAND_GROUPS[i]);
    fputs("\nMore      COMMAND --help  the command's options; train's has all keys\n"
          "          --help=KEY      one key, as in --help=training.epochs; --version\n"
          "          --print-config  the configuration, and where each value came from\n"
          "\nExit code 0 done; 1 failed; 2 usage or configuration; 3 data; 4 checkpoint;\n"
          "          5 diverged; 6 a rank hung or a replica differed; 75 stopped: resume it\n",
          out);
}

static const Command *command_called(const char *name) {
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(COMMANDS[i].name, name) == 0) return &COMMANDS[i];
    return NULL;
}

Status arguments_help(FILE *out, const Arguments *arguments) {
    const Command *asked = command_called(arguments->help);
    if (asked != NULL)
        print_command_help(out, asked);
    else if (*arguments->help != '\0')
        return config_help_key(out, arguments->help);
    else if (arguments->command_given)
        print_command_help(out, arguments->command);
    else
        print_program_help(out);
    return STATUS_OK;
}
