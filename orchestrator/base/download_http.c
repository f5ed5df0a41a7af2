/* download_http.c: one request by libcurl, and what it may be called afterwards. libcurl
 * calls many things a success that are none: here status, range and size decide. */
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "orchestrator/base/download_int.h"
#include "orchestrator/base/mem.h"

enum { HEADER_LIMIT = 256 << 10 }; /* of all answers to one request */

struct http {
	CURL *curl;
};

/* The headers of the last response, as a redirect or a 1xx may come before it. */
struct response {
	char etag[256], modified[64];
	long long range_first, range_total; /* of Content-Range, or -1 */
	long long length;		    /* announced, or -1 */
	unsigned retry_after_ms;
};

struct exchange {
	struct http *http;
	struct attempt *a;
	struct response response;
	uint64_t offset; /* that we asked for */
	size_t header_bytes;
	bool started;	  /* the first byte of an accepted body came */
	enum try_end end; /* set when a callback stopped the transfer */
	bool ended;
	char text[CURL_ERROR_SIZE];
};

static void global_init(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct http *http_new(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, global_init);
	struct http *h = xcalloc(1, sizeof(*h));
	h->curl = curl_easy_init();
	if (!h->curl)
		abort(); /* only for want of memory */
	return h;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	curl_easy_cleanup(h->curl);
	free(h);
}

char *download_url_public(const char *url)
{
	const char *scheme = strstr(url, "://");
	const char *host = scheme ? scheme + 3 : url;
	size_t authority = strcspn(host, "/?#");
	const char *at = memrchr(host, '@', authority);
	_free_ char *bare =
		at ? xasprintf("%.*s%s", (int)(host - url), url, at + 1) : xstrdup(url);
	return str_printable(bare);
}

/* Stops the transfer from within a callback. */
static size_t stop(struct exchange *x, enum try_end end)
{
	x->end = end;
	x->ended = true;
	return 0;
}

static long status_of(const struct exchange *x)
{
	long status = 0;
	curl_easy_getinfo(x->http->curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static void take_text(char *to, size_t size, const char *value, size_t len)
{
	if (len < size) {
		memcpy(to, value, len);
		to[len] = '\0';
	}
}

static void header_etag(struct response *r, const char *value, size_t len)
{
	/* A weak one does not promise equal bytes. */
	if (len > 2 && value[0] == '"')
		take_text(r->etag, sizeof(r->etag), value, len);
}

static void header_modified(struct response *r, const char *value, size_t len)
{
	take_text(r->modified, sizeof(r->modified), value, len);
}

static void header_range(struct response *r, const char *value, size_t len)
{
	char text[96] = "", total[32] = "";
	long long last;
	take_text(text, sizeof(text), value, len);
	if (sscanf(text, "bytes %lld-%lld/%31s", &r->range_first, &last, total) != 3) {
		r->range_first = -1;
		return;
	}
	uint64_t n;
	r->range_total = str_to_u64(total, &n) ? (long long)n : -1;
}

static void header_length(struct response *r, const char *value, size_t len)
{
	char text[32] = "";
	uint64_t n;
	take_text(text, sizeof(text), value, len);
	if (str_to_u64(text, &n) && n <= INT64_MAX)
		r->length = (long long)n;
}

static void header_retry(struct response *r, const char *value, size_t len)
{
	char text[64] = "";
	uint64_t seconds;
	take_text(text, sizeof(text), value, len);
	if (!str_to_u64(text, &seconds)) {
		time_t when = curl_getdate(text, NULL), now = time(NULL);
		seconds = when > now ? (uint64_t)(when - now) : 0;
	}
	r->retry_after_ms =
		seconds > 3600 * 24 ? 3600 * 24 * 1000u : (unsigned)seconds * 1000;
}

static const struct {
	const char *name;
	void (*take)(struct response *r, const char *value, size_t len);
} headers[] = {
	{"etag", header_etag},
	{"last-modified", header_modified},
	{"content-range", header_range},
	{"content-length", header_length},
	{"retry-after", header_retry},
};

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
	struct exchange *x = arg;
	size_t len = size * count;
	x->header_bytes += len;
	if (x->header_bytes > HEADER_LIMIT) {
		snprintf(x->a->reason, sizeof(x->a->reason),
			"the server sends more than %d bytes of headers", HEADER_LIMIT);
		return stop(x, TRY_REFUSED);
	}
	if (len > 5 && !memcmp(line, "HTTP/", 5)) {
		x->response = (struct response){
			.range_first = -1, .range_total = -1, .length = -1};
		return len;
	}
	const char *colon = memchr(line, ':', len);
	if (!colon)
		return len;
	const char *value = colon + 1, *end = line + len;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && strchr(" \t\r\n", end[-1]))
		end--;
	size_t name = (size_t)(colon - line);
	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		if (strlen(headers[i].name) == name &&
			!strncasecmp(line, headers[i].name, name))
			headers[i].take(&x->response, value, (size_t)(end - value));
	return len;
}

static bool is_web_page(const char *data, size_t len)
{
	static const char *const starts[] = {"<!doctype html", "<html"};
	while (len && strchr(" \t\r\n", *data))
		data++, len--;
	for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
		size_t n = strlen(starts[i]);
		if (len >= n && !strncasecmp(data, starts[i], n))
			return true;
	}
	return false;
}

/* What the answer announces against what is wanted; 0 or the end of the try. */
static int check_announced(struct exchange *x, uint64_t have)
{
	struct attempt *a = x->a;
	if (x->response.length < 0)
		return 0;
	uint64_t total = have + (uint64_t)x->response.length;
	if (a->d->size && total != a->d->size) {
		snprintf(a->reason, sizeof(a->reason),
			"the server has %llu bytes, %llu were expected",
			(unsigned long long)total, (unsigned long long)a->d->size);
		stop(x, TRY_REFUSED);
		return -1;
	}
	if (total > download_limit(a->d)) {
		snprintf(a->reason, sizeof(a->reason),
			"the server announces %llu bytes, the limit is %llu",
			(unsigned long long)total,
			(unsigned long long)download_limit(a->d));
		stop(x, TRY_REFUSED);
		return -1;
	}
	return 0;
}

/* The first bytes of a 206: they must continue exactly what is there. */
static int accept_range(struct exchange *x)
{
	struct attempt *a = x->a;
	const struct response *r = &x->response;
	if (r->range_first >= 0 && (uint64_t)r->range_first == x->offset && x->offset) {
		a->resumed = true;
		return check_announced(x, x->offset);
	}
	snprintf(a->reason, sizeof(a->reason),
		"the server sent the range from %lld, from %llu was asked for",
		r->range_first, (unsigned long long)x->offset);
	stop(x, part_reset(a->part, &a->err) ? TRY_LOCAL : TRY_AGAIN);
	return -1;
}

/* The first bytes of a 200: the file from its beginning. */
static int accept_whole(struct exchange *x, const char *data, size_t len)
{
	struct attempt *a = x->a;
	if (a->part->len && part_reset(a->part, &a->err)) {
		stop(x, TRY_LOCAL);
		return -1;
	}
	if (is_web_page(data, len)) {
		snprintf(a->reason, sizeof(a->reason),
			"the answer is a web page, not the file (a login page or a proxy "
			"may "
			"stand in the way)");
		stop(x, TRY_REFUSED);
		return -1;
	}
	const struct response *r = &x->response;
	part_set_origin(a->part, a->url, *r->etag ? r->etag : r->modified);
	return check_announced(x, 0);
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct exchange *x = arg;
	struct attempt *a = x->a;
	size_t len = size * count;
	long status = status_of(x);
	if (status != 200 && status != 206)
		return stop(x, TRY_AGAIN), 0; /* an error's page: the status will speak */
	if (!x->started && (status == 206 ? accept_range(x) : accept_whole(x, data, len)))
		return 0;
	x->started = true;
	uint64_t limit = a->d->size ? a->d->size : download_limit(a->d);
	if (a->part->len + len > limit) {
		snprintf(a->reason, sizeof(a->reason),
			"the server sends more than %llu bytes",
			(unsigned long long)limit);
		if (part_reset(a->part, &a->err))
			return stop(x, TRY_LOCAL);
		return stop(x, TRY_REFUSED);
	}
	if (part_append(a->part, data, len, &a->err))
		return stop(x, TRY_LOCAL);
	return len;
}

static int on_progress(void *arg, curl_off_t total, curl_off_t now, curl_off_t up_total,
	curl_off_t up_now)
{
	(void)now, (void)up_total, (void)up_now;
	struct exchange *x = arg;
	struct attempt *a = x->a;
	if (a->stop && __atomic_load_n(a->stop, __ATOMIC_RELAXED)) {
		stop(x, TRY_STOPPED);
		return 1;
	}
	if (a->progress && x->started)
		a->progress(a->progress_arg, a->part->len,
			a->d->size ? a->d->size
			: total	   ? (uint64_t)total + (a->resumed ? x->offset : 0)
				   : 0);
	return 0;
}

/* Ends that a second request may mend. */
static bool may_pass(CURLcode code)
{
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return true;
	default:
		return false;
	}
}

static enum try_end end_of_status(struct exchange *x, long status)
{
	struct attempt *a = x->a;
	static const struct {
		long status;
		enum try_end end;
		const char *text;
	} known[] = {
		{401, TRY_REFUSED, "unauthorized"},
		{403, TRY_REFUSED, "forbidden"},
		{404, TRY_MISSING, "not found"},
		{407, TRY_REFUSED, "the proxy wants a password"},
		{408, TRY_AGAIN, "the server timed out"},
		{410, TRY_MISSING, "gone"},
		{416, TRY_AGAIN,
			"the server refuses to continue where the download stopped"},
		{429, TRY_AGAIN, "too many requests"},
		{503, TRY_AGAIN, "service unavailable"},
	};
	const char *text = "unexpected answer";
	enum try_end end = status >= 500 ? TRY_AGAIN : TRY_REFUSED;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].status == status) {
			text = known[i].text;
			end = known[i].end;
		}
	snprintf(a->reason, sizeof(a->reason), "%ld %s", status, text);
	a->wait_ms = x->response.retry_after_ms;
	if (status == 416 && part_reset(a->part, &a->err))
		return TRY_LOCAL;
	return end;
}

static void reason_of_curl(struct exchange *x, CURLcode code)
{
	struct attempt *a = x->a;
	const char *text = *x->text ? x->text : curl_easy_strerror(code);
	if (code == CURLE_UNSUPPORTED_PROTOCOL)
		snprintf(a->reason, sizeof(a->reason),
			"it leads to another kind of URL, which is refused (%s)", text);
	else
		snprintf(a->reason, sizeof(a->reason), "%s", text);
}

/* The end of a try, from libcurl's word and from ours. */
static enum try_end end_of(struct exchange *x, CURLcode code)
{
	struct attempt *a = x->a;
	long status = status_of(x);
	bool answered = code == CURLE_OK || code == CURLE_WRITE_ERROR;
	if (x->ended && x->end == TRY_STOPPED)
		return TRY_STOPPED;
	if (answered && status && status != 200 && status != 206)
		return end_of_status(x, status);
	if (x->ended)
		return x->end;
	if (code != CURLE_OK) {
		reason_of_curl(x, code);
		return may_pass(code) ? TRY_AGAIN : TRY_REFUSED;
	}
	/* An empty body calls no callback. */
	if (!x->started && status == 200) {
		if (part_reset(a->part, &a->err))
			return TRY_LOCAL;
		if (check_announced(x, 0))
			return x->end;
	}
	if (!x->started && status == 206) {
		snprintf(a->reason, sizeof(a->reason), "the server sent an empty range");
		return part_reset(a->part, &a->err) ? TRY_LOCAL : TRY_AGAIN;
	}
	if (a->d->size && a->part->len < a->d->size) {
		snprintf(a->reason, sizeof(a->reason),
			"it ended after %llu of %llu bytes",
			(unsigned long long)a->part->len, (unsigned long long)a->d->size);
		return TRY_AGAIN;
	}
	return TRY_DONE;
}

static void set_security(CURL *c, const char *url)
{
	/* https never becomes anything else, http may only become better. */
	bool tls = !strncasecmp(url, "https:", 6);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, tls ? "https" : "http,https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)DOWNLOAD_REDIRECTS);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	const char *authorities = getenv("SSL_CERT_FILE");
	if (authorities && *authorities)
		curl_easy_setopt(c, CURLOPT_CAINFO, authorities);
}

static void set_patience(CURL *c)
{
	const struct download_timing *t = &download_timing;
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)t->connect_ms);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)t->stall_seconds);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)t->stall_bytes);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
}

/* Asks for the rest where the rest is sure to be of the same file: by its validator, or
 * because the digest of the whole is known. */
static struct curl_slist *set_range(struct exchange *x)
{
	struct attempt *a = x->a;
	struct part *p = a->part;
	bool same = p->validator && p->url && !strcmp(p->url, a->url);
	if (!p->len || (!same && !a->d->sha256))
		return NULL;
	x->offset = p->len;
	_free_ char *range = xasprintf("%llu-", (unsigned long long)p->len);
	curl_easy_setopt(x->http->curl, CURLOPT_RANGE, range);
	if (!same)
		return NULL;
	_free_ char *condition = xasprintf("If-Range: %s", p->validator);
	return curl_slist_append(NULL, condition);
}

enum try_end http_try(struct http *h, struct attempt *a)
{
	struct exchange x = {.http = h, .a = a};
	CURL *c = h->curl;
	x.response.length = x.response.range_first = x.response.range_total = -1;
	curl_easy_reset(c); /* the connection stays */
	curl_easy_setopt(c, CURLOPT_URL, a->url);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "kiln");
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x.text);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, &x);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, &x);
	curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 256L * 1024);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, &x);
	set_security(c, a->url);
	set_patience(c);
	struct curl_slist *conditions = set_range(&x);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, conditions);
	CURLcode code = curl_easy_perform(c);
	curl_slist_free_all(conditions);
	return end_of(&x, code);
}
