/* fork.h - tells whether this process is a fork of the one that made something. */
#ifndef JDC_CURL_FORK_H
#define JDC_CURL_FORK_H

#include "../core/jdc.h"

JDC_BEGIN

/* Begins to count; to call it again changes nothing. The code of this file must stay loaded from then on. */
void jdc_fork_watch(void);

/* How many forks lie between the process that began to count and this one. */
unsigned jdc_fork_count(void);

JDC_END
#endif
