#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include "kernel/elf.h"
#include "kernel/module_sign.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/str.h"

#define MODULE_LIMIT (512u << 20)

static void bio_free_ptr(BIO **bio)
{
	BIO_free(*bio);
}
static void x509_free_ptr(X509 **cert)
{
	X509_free(*cert);
}
static void pkey_free_ptr(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}
static void cms_free_ptr(CMS_ContentInfo **cms)
{
	CMS_ContentInfo_free(*cms);
}
static void stack_free_ptr(STACK_OF(X509) * *certs)
{
	sk_X509_free(*certs);
}
#define _bio_	__attribute__((cleanup(bio_free_ptr)))
#define _x509_	__attribute__((cleanup(x509_free_ptr)))
#define _pkey_	__attribute__((cleanup(pkey_free_ptr)))
#define _cms_	__attribute__((cleanup(cms_free_ptr)))
#define _certs_ __attribute__((cleanup(stack_free_ptr)))

static const char *why(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	return reason ? reason : "unknown to OpenSSL";
}

/* A build never asks questions: a key with a passphrase is refused. */
static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	(void)buf, (void)size, (void)rwflag, (void)arg;
	return -1;
}

int module_key_fingerprint(const char *pem, char hex[SHA256_HEX_LEN + 1], struct err *e)
{
	_bio_ BIO *key_file = BIO_new_file(pem, "r");
	_bio_ BIO *cert_file = BIO_new_file(pem, "r");
	_pkey_ EVP_PKEY *key = NULL;
	_x509_ X509 *cert = NULL;
	unsigned char *der = NULL;
	int len;

	if (!key_file || !cert_file)
		return err_set(e, ERR_USAGE, "%s: the module key can't be read", pem);
	key = PEM_read_bio_PrivateKey(key_file, NULL, no_passphrase, NULL);
	cert = PEM_read_bio_X509(cert_file, NULL, NULL, NULL);
	if (!key || !cert)
		return err_set(e, ERR_USAGE,
			"%s: a module key is a PEM file with a private key (no "
			"passphrase) "
			"and its certificate; the %s is missing",
			pem, key ? "certificate" : "private key");
	if (X509_check_private_key(cert, key) != 1)
		return err_set(e, ERR_USAGE,
			"%s: the certificate does not belong to the private key", pem);
	len = i2d_X509(cert, &der);
	if (len < 0)
		return err_set(e, ERR_USAGE, "%s: %s", pem, why());
	digest_sha256(der, (size_t)len, hex);
	OPENSSL_free(der);
	return 0;
}

/* What the kernel reads from a module's end, backwards: the magic line, this, the
 * signature, the module. */
struct trailer {
	uint8_t algo, hash, id_type, signer_len, key_id_len, pad[3];
	uint32_t sig_len; /* big endian */
};
#define MAGIC	 "~Module signature appended~\n"
#define ID_PKCS7 2

static bool split(const struct buf *module, size_t *data_len, size_t *sig_len)
{
	const size_t tail = sizeof(struct trailer) + strlen(MAGIC);
	struct trailer t;

	if (module->len < tail ||
		memcmp(module->data + module->len - strlen(MAGIC), MAGIC, strlen(MAGIC)))
		return false;
	memcpy(&t, module->data + module->len - tail, sizeof(t));
	*sig_len = ntohl(t.sig_len);
	if (t.id_type != ID_PKCS7 || *sig_len > module->len - tail)
		return false;
	*data_len = module->len - tail - *sig_len;
	return true;
}

static int verify(const struct buf *module, X509 *cert, const char *shown, struct err *e)
{
	_certs_ STACK_OF(X509) *certs = sk_X509_new_null();
	_bio_ BIO *data = NULL, *sig = NULL;
	_cms_ CMS_ContentInfo *cms = NULL;
	size_t data_len, sig_len;

	if (!split(module, &data_len, &sig_len))
		return err_set(e, ERR_BUILD, "%s: carries no signature", shown);
	data = BIO_new_mem_buf(module->data, (int)data_len);
	sig = BIO_new_mem_buf(module->data + data_len, (int)sig_len);
	sk_X509_push(certs, cert);
	cms = d2i_CMS_bio(sig, NULL);
	/* The certificate is trusted for being in the kernel, not for its issuer. */
	if (!cms || CMS_verify(cms, certs, NULL, data, NULL,
			    CMS_BINARY | CMS_DETACHED | CMS_NOINTERN |
				    CMS_NO_SIGNER_CERT_VERIFY) != 1)
		return err_set(e, ERR_BUILD,
			"%s: its signature is not by the certificate in the kernel (%s)",
			shown, why());
	return 0;
}

static int check_module(const struct fs_entry *entry, void *arg, struct err *e)
{
	_buf_ struct buf module = {0};

	if (!S_ISREG(entry->st->st_mode) || !str_ends(entry->name, ".ko"))
		return 0;
	if (fs_read(entry->parent_fd, entry->name, MODULE_LIMIT, &module, e))
		return -1;
	return verify(&module, arg, entry->rel, e);
}

int module_sign_check(int out, const char *vmlinux, struct err *e)
{
	_buf_ struct buf der = {0};
	_x509_ X509 *cert = NULL;
	const unsigned char *p;

	if (elf_read_symbol(
		    vmlinux, "system_certificate_list", "module_cert_size", 0, &der, e))
		return -1;
	p = (const unsigned char *)der.data;
	cert = d2i_X509(NULL, &p, (long)der.len);
	if (!cert)
		return err_set(
			e, ERR_BUILD, "the kernel's module certificate: %s", why());
	return fs_walk(out, "modules", check_module, cert, e);
}
