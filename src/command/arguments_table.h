/* The tables of commands and options, for the reader of the command line and its help. */
#pragma once

#include "command/arguments.h"

/* One row of the table of options. */
typedef struct Option {
    const char *name;
    char letter;       /* 0: none */
    const char *value; /* what its value is, for the help; NULL: it is a flag; "[=X]": it may be
                         left out, and is "" then */
    size_t offset;     /* of a const char * or, for a flag, a bool in Arguments */
    const char *key;   /* instead: the configuration key that it stands for */
    const char *help;
} Option;

enum { OPTION_COUNT = 20 };

extern const Option OPTIONS[OPTION_COUNT];

extern const Command COMMANDS[];

/* The headings of the program's help, in their order; NULL at the end. */
extern const char *const COMMAND_GROUPS[];
extern const size_t COMMAND_COUNT;

/* Whether the option's value may be left out. */
bool option_is_optional(const Option *option);

/* Whether a command takes the option at this index. */
bool command_takes(const Command *command, size_t option);
