/*
 * Ctrl-C: a program finishes its current batch and leaves no partly written file.
 */
#ifndef UNIC_CLI_SIGNAL_H
#define UNIC_CLI_SIGNAL_H

/* From now on the first SIGINT, SIGTERM or SIGHUP is only noted; a second ends the program. */
void cli_signal_catch(void);

/* The signal that came, 0 while none did. */
int cli_signal(void);

#endif
