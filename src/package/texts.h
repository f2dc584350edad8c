/* The texts that are installed beside the program, made from the tables of commands, options and
 * keys when the program is built: so they cannot be out of date. */
#pragma once

#include <stdio.h>

void manual_program(FILE *out);       /* mnist_dist.1 */
void manual_configuration(FILE *out); /* mnist_dist.yaml.5 */
void completion_bash(FILE *out);
void completion_zsh(FILE *out);
void completion_fish(FILE *out);

/* The values that a key may have, with blanks between: those of a choice, true and false; "" of
 * others. `text` holds 256 bytes. */
const char *texts_values(char text[256], size_t key);

/* An option's value: what to complete it by. */
typedef enum ValueKind { VALUE_NONE, VALUE_WORDS, VALUE_FILE, VALUE_FOLDER, VALUE_OTHER } ValueKind;

/* The kind of an option's value, and its words, with blanks between, if that is what it has. */
ValueKind texts_option(char words[256], size_t option);
