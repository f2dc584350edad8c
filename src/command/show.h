/* Help and configurations for people: in colours where they are welcome, else as plain lines. */
#pragma once

/* Shows a text: on a terminal that may have colours (terminal.h), headings are bold and comments
 * dim; elsewhere it is logged as it is. */
void show_text(const char *text);
