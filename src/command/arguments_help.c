/* The help, from the tables of commands, options and keys. */
#include "command/arguments_table.h"

static void print_option(FILE *out, const Option *option) {
    char name[64];
    snprintf(name, sizeof name, "--%s%s%s", option->name, option->value != NULL ? " " : "",
             option->value != NULL ? option->value : "");
    char letter[] = {option->letter != 0 ? '-' : ' ', option->letter != 0 ? option->letter : ' ',
                     option->letter != 0 ? ',' : ' ', '\0'};
    fprintf(out, "  %s %-16s %s\n", letter, name, option->help);
}

static void print_command_help(FILE *out, const Command *command) {
    fprintf(out, "Usage: mnist_dist %s %s\n\nTo %s.\n\nOptions:\n", command->name,
            command->synopsis, command->help);
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

static void print_program_help(FILE *out) {
    fputs(
        "Usage: mnist_dist [COMMAND] [OPTIONS] [key=value ...]\n\n"
        "Trains a network to read handwritten digits, on many processes: mpirun -np 8 mnist_dist.\n"
        "No command means train, and train needs no argument. A key is one of the "
        "configuration's,\n"
        "as in training.epochs=5; `mnist_dist train --help` lists them.\n\nCommands:\n",
        out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-9s %s\n            mnist_dist %s %s\n", COMMANDS[i].name,
                COMMANDS[i].help, COMMANDS[i].name, COMMANDS[i].synopsis);
    fputs("\nOptions:\n", out);
    for (size_t i = 0; i < OPTION_COUNT; i++) print_option(out, &OPTIONS[i]);
    fputs("\nExamples:\n"
          "  mnist_dist import train.csv test.csv -o data/digits.h5\n"
          "  mpirun -np 8 mnist_dist --config configs/smoke.yaml training.seed=1\n"
          "  mnist_dist evaluate runs/baseline/checkpoints/best.h5\n"
          "\nExit codes: 0 done; 1 failed; 2 usage or configuration; 3 data; 4 checkpoint; 5 "
          "diverged;\n"
          "6 a rank hung or a replica differed; 75 stopped with a checkpoint written: resume it.\n",
          out);
}

void arguments_help(FILE *out, const Arguments *arguments) {
    if (arguments->command_given)
        print_command_help(out, arguments->command);
    else
        print_program_help(out);
}
