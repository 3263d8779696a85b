/* profile.c - reads the JD Cloud CLI's INI file: sections, `key = value` or `key: value`, comments with # or ; at the
 * start of a line; names without regard to case, as Python's parser, which writes it, has them. */
#include <string.h>

#include "binding.h"

static bool same_name(jdc_str a, const char *b) {
  size_t i = 0;
  for (; i < a.len && b[i] != '\0'; i++)
    if (jdc_lower(a.ptr[i]) != jdc_lower(b[i])) return false;
  return i == a.len && b[i] == '\0';
}

/* Takes the next line off the text. */
static bool next_line(jdc_str *text, jdc_str *line) {
  if (text->len == 0) return false;
  const char *end = memchr(text->ptr, '\n', text->len);
  size_t n = end == NULL ? text->len : (size_t)(end - text->ptr) + 1;
  *line = jdc_str_trim((jdc_str){ text->ptr, n });
  text->ptr += n;
  text->len -= n;
  return true;
}

static bool is_section(jdc_str line, jdc_str *name) {
  if (line.len < 2 || line.ptr[0] != '[') return false;
  const char *end = memchr(line.ptr, ']', line.len);
  if (end == NULL) return false;
  *name = (jdc_str){ line.ptr + 1, (size_t)(end - line.ptr) - 1 };
  return true;
}

static bool enter(jdc_str *text, jdc_str section) {
  jdc_str line, name;
  while (next_line(text, &line))
    if (is_section(line, &name) && name.len == section.len && memcmp(name.ptr, section.ptr, name.len) == 0) return true;
  return false;
}

bool jdc_profile_has(jdc_str text, jdc_str section) { return enter(&text, section); }

jdc_str jdc_profile_get(jdc_str text, jdc_str section, const char *key) {
  jdc_str none = { NULL, 0 }, line, name;
  if (!enter(&text, section)) return none;
  while (next_line(&text, &line) && !is_section(line, &name)) {
    if (line.len == 0 || line.ptr[0] == '#' || line.ptr[0] == ';') continue;
    size_t at = 0;
    while (at < line.len && line.ptr[at] != '=' && line.ptr[at] != ':') at++;
    if (at == line.len || !same_name(jdc_str_trim((jdc_str){ line.ptr, at }), key)) continue;
    return jdc_str_trim((jdc_str){ line.ptr + at + 1, line.len - at - 1 });
  }
  return none;
}
