/*
 * Ctrl-C: a program finishes its current batch and leaves no partly written file.
 */
#ifndef UNIC_CLI_SIGNAL_H
#define UNIC_CLI_SIGNAL_H

/* A closed pipe and a file that may not grow are failures of the writing call, which are told, and
 * after which a run is saved: they do not end the program. */
void cli_signal_begin(void);

/* From now on the first SIGINT, SIGTERM or SIGHUP is only noted; a second ends the program. So is
 * SIGXCPU, however often it comes: behind a soft limit of CPU time the system sends it every second,
 * until the hard one ends the program. */
void cli_signal_catch(void);

/* The signal that came, 0 while none did. */
int cli_signal(void);

#endif
