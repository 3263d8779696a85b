/* answer_hint.h - inside of answer: what a person can do about an answer or a failure. */
#ifndef JDC_ANSWER_HINT_H
#define JDC_ANSWER_HINT_H

#include "answer.h"

JDC_BEGIN

/* Does the error's message contain this text (given in lower case), whatever its case? */
bool jdc_answer_says(const jdc_answer *a, const char *text);

/* The code to judge by: the body's if it is a code of an error, else HTTP's (protocol.md 4). */
int jdc_answer_code(const jdc_answer *a);

/* Writes the hint for an answer that the verdict has classified, dates read; at most JDC_HINT_MAX - 1 bytes. */
void jdc_answer_hint(const jdc_answer *a, int64_t wall_ms, jdc_verdict *v);

void jdc_failure_hint(const jdc_failure *f, jdc_verdict *v);

JDC_END
#endif
