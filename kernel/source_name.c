/* source_name.c: kernel versions, and where kernel.org keeps what belongs to them. */
#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/source_int.h"
#include "orchestrator/base/mem.h"

/* Length of a run of digits without a superfluous zero. */
static size_t number(const char *s)
{
	size_t n = strspn(s, "0123456789");
	return n > 1 && *s == '0' ? 0 : n;
}

/* Length of "6.1", 0 if there is none. */
static size_t series_len(const char *version)
{
	size_t major = number(version);
	if (!major || version[major] != '.')
		return 0;
	size_t minor = number(version + major + 1);
	return minor ? major + 1 + minor : 0;
}

static size_t candidate_len(const char *s)
{
	size_t n = str_starts(s, "-rc") ? number(s + 3) : 0;
	return n ? n + 3 : 0;
}

bool source_is_version(const char *version)
{
	size_t n = version ? series_len(version) : 0;
	if (!n)
		return false;
	const char *rest = version + n;
	if (*rest == '.')
		rest += number(rest + 1) ? number(rest + 1) + 1 : 0;
	rest += candidate_len(rest);
	return *rest == '\0';
}

bool source_is_candidate(const char *version)
{
	const char *rc = strstr(version, "-rc");
	return rc && candidate_len(rc);
}

char *source_series_of(const char *version)
{
	return xstrndup(version, series_len(version));
}

char *source_kernel_dir(const char *version)
{
	return xasprintf("v%.*s.x", (int)strspn(version, "0123456789"), version);
}

char *source_rt_dir(const char *rt)
{
	return xasprintf("projects/rt/%.*s", (int)series_len(rt), rt);
}

static const char *or_null(const char *text)
{
	return str_is_empty(text) ? NULL : text;
}

struct source_spec source_spec_plain(const struct source_spec *spec)
{
	struct source_spec s = *spec;
	s.rt = or_null(s.rt);
	s.pin = or_null(s.pin);
	s.url = or_null(s.url);
	return s;
}

struct given source_given(const struct source_spec *spec)
{
	return (struct given){
		"KERNEL_SOURCE", or_null(spec->url), "KERNEL_SHA256", or_null(spec->pin)};
}

bool source_is_local(const struct source_spec *spec)
{
	return spec->url && *spec->url && !given_is_url(spec->url);
}

const char *const *source_mirrors(const struct source_env *env)
{
	static const char *const kernel_org[] = {SOURCE_KERNEL_ORG, NULL};
	return env->mirrors && env->mirrors[0] ? env->mirrors : kernel_org;
}

bool source_is_apt(const char *mirror)
{
	return str_eq(mirror, "apt:") || str_eq(mirror, "apt");
}

/* "6.1.176-rt64" belongs to 6.1.176. */
static int check_rt(const struct source_spec *spec, struct err *e)
{
	const char *rt = strstr(spec->rt, "-rt");
	size_t n = rt ? number(rt + 3) : 0;
	if (!n || rt[3 + n])
		return err_set(e, ERR_USAGE,
			"RT_VERSION=%s is no version of the RT project; it looks like "
			"6.1.176-rt64",
			spec->rt);
	size_t len = (size_t)(rt - spec->rt);
	if (strlen(spec->version) != len || strncmp(spec->rt, spec->version, len))
		return err_set(e, ERR_USAGE,
			"RT_VERSION=%s is made for the kernel %.*s, and KERNEL_VERSION "
			"is %s; "
			"make both agree",
			spec->rt, (int)len, spec->rt, spec->version);
	return 0;
}

int source_check(const struct source_spec *asked, struct err *e)
{
	const struct source_spec plain = source_spec_plain(asked), *spec = &plain;
	const struct given given = source_given(spec);
	if (!source_is_version(spec->version))
		return err_set(e, ERR_USAGE,
			"KERNEL_VERSION=%s is no kernel version; it looks like 6.1.176",
			spec->version ? spec->version : "");
	if (given_check(&given, e))
		return -1;
	if (!spec->url && source_is_candidate(spec->version))
		return err_set(e, ERR_USAGE,
			"%s is a release candidate, and nobody signs its tarball: give "
			"KERNEL_SOURCE=<url> and KERNEL_SHA256=<sha256> beside it",
			spec->version);
	return spec->rt ? check_rt(spec, e) : 0;
}
