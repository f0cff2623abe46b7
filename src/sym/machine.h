/* The processors whose programs can be read. */
#ifndef GLASSTAP_MACHINE_H
#define GLASSTAP_MACHINE_H

enum machine { MACHINE_X86_64 = 1, MACHINE_ARM64 = 2 };

#endif
