#include "server/fleet/sealing.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>
#include <span>
#include <stdexcept>

namespace roktcached::fleet {

namespace {

constexpr char envelope_version = 1;
constexpr std::size_t id_size = 4;
constexpr std::size_t nonce_size = 12;
constexpr std::size_t tag_size = 16;
constexpr std::size_t header_size = 1 + id_size;
constexpr std::string_view info_prefix = "roktcached 1 ";
constexpr std::array<char, 32> zeros{};
constexpr std::string_view no_salt(zeros.data(), zeros.size());  // RFC 5869, section 2.2
static_assert(Sealer::overhead == header_size + nonce_size + tag_size);

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* octets_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* octets_at(std::string& text, std::size_t at) {
  return reinterpret_cast<unsigned char*>(text.data()) + at;
}

void require(int done, const char* what) {
  if (done != 1) throw std::runtime_error(std::string(what) + " is missing in OpenSSL");
}

/// HKDF-SHA256.
void derive(std::string_view secret, std::string_view salt, const std::string& info,
            std::span<unsigned char> out) {
  const std::unique_ptr<EVP_KDF, void (*)(EVP_KDF*)> algorithm(EVP_KDF_fetch(nullptr, "HKDF", nullptr),
                                                               EVP_KDF_free);
  const std::unique_ptr<EVP_KDF_CTX, void (*)(EVP_KDF_CTX*)> context(
      algorithm ? EVP_KDF_CTX_new(algorithm.get()) : nullptr, EVP_KDF_CTX_free);
  require(context ? 1 : 0, "HKDF");
  std::string digest = "SHA256";
  // OpenSSL reads these alone, though it does not say so.
  const auto octets = [](const char* name, std::string_view value) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(value.data()), value.size());
  };
  const std::array parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), digest.size()),
      octets(OSSL_KDF_PARAM_KEY, secret), octets(OSSL_KDF_PARAM_SALT, salt),
      octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  require(EVP_KDF_derive(context.get(), out.data(), out.size(), parameters.data()), "HKDF");
}

EVP_MAC_CTX* prepared_hmac(std::string_view app_id, std::string_view purpose) {
  std::array<unsigned char, 32> key{};
  derive(app_id, no_salt, std::string(info_prefix).append(purpose), key);
  const std::unique_ptr<EVP_MAC, void (*)(EVP_MAC*)> algorithm(EVP_MAC_fetch(nullptr, "HMAC", nullptr),
                                                               EVP_MAC_free);
  std::unique_ptr<EVP_MAC_CTX, void (*)(EVP_MAC_CTX*)> context(
      algorithm ? EVP_MAC_CTX_new(algorithm.get()) : nullptr, EVP_MAC_CTX_free);
  require(context ? 1 : 0, "HMAC");
  std::string digest = "SHA256";
  const std::array parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), digest.size()),
      OSSL_PARAM_construct_end()};
  require(EVP_MAC_init(context.get(), key.data(), key.size(), parameters.data()), "HMAC");
  return context.release();
}

/// The first 16 bytes of an HMAC-SHA256, in hex. Leaves `prepared` as it is.
std::string hex_hmac(const EVP_MAC_CTX* prepared, std::string_view text) {
  const std::unique_ptr<EVP_MAC_CTX, void (*)(EVP_MAC_CTX*)> context(EVP_MAC_CTX_dup(prepared),
                                                                     EVP_MAC_CTX_free);
  if (!context) throw std::bad_alloc();
  std::array<unsigned char, 32> code{};
  std::size_t size = 0;
  require(EVP_MAC_update(context.get(), octets_of(text), text.size()), "HMAC");
  require(EVP_MAC_final(context.get(), code.data(), &size, code.size()), "HMAC");
  constexpr std::string_view digits = "0123456789abcdef";
  std::string hex;
  for (const unsigned char byte : std::span(code).first<16>()) {
    hex += digits[byte >> 4U];
    hex += digits[byte & 0xfU];
  }
  return hex;
}

/// Has OpenSSL take in `in`, in pieces: it counts in int.
/// @param update  EVP_EncryptUpdate or EVP_DecryptUpdate
/// @param out     null: `in` is only bound
bool pass(decltype(&EVP_EncryptUpdate) update, EVP_CIPHER_CTX* context, unsigned char* out,
          std::string_view in) {
  constexpr std::size_t piece_max = std::size_t{1} << 30;
  while (!in.empty()) {
    const std::string_view piece = in.substr(0, piece_max);
    int written = 0;
    if (update(context, out, &written, octets_of(piece), static_cast<int>(piece.size())) != 1) return false;
    if (out != nullptr) out += written;
    in.remove_prefix(piece.size());
  }
  return true;
}

CipherContext new_cipher_context() {
  CipherContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  if (!context) throw std::bad_alloc();
  return context;
}

}  // namespace

/// The key, and behind it what names it in an envelope: both from one derivation, and neither tells the
/// other.
struct Sealer::SealingKey {
  static constexpr std::size_t key_size = 32;

  SealingKey(std::string_view secret, std::string_view app_id, std::string_view purpose) {
    derive(secret, app_id, std::string(info_prefix).append(purpose), bytes);
  }
  SealingKey(const SealingKey&) = delete;
  SealingKey& operator=(const SealingKey&) = delete;
  ~SealingKey() { OPENSSL_cleanse(bytes.data(), bytes.size()); }

  [[nodiscard]] std::string_view id() const {
    return {reinterpret_cast<const char*>(bytes.data()) + key_size, id_size};
  }

  std::array<unsigned char, key_size + id_size> bytes{};
};

Sealer::Sealer(const std::vector<std::string_view>& secrets, std::string_view app_id,
               std::string_view purpose)
    : cipher_(EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr)) {
  if (secrets.empty()) throw std::invalid_argument("a sealer without a secret");
  require(cipher_ ? 1 : 0, "AES-256-GCM");
  for (const std::string_view secret : secrets)
    keys_.push_back(std::make_unique<SealingKey>(secret, app_id, purpose));
}

Sealer::Sealer(Sealer&&) noexcept = default;
Sealer& Sealer::operator=(Sealer&&) noexcept = default;
Sealer::~Sealer() = default;

std::string Sealer::seal(std::string_view plain, std::string_view bound) const {
  const SealingKey& key = *keys_.front();
  std::string sealed(overhead + plain.size(), '\0');
  sealed[0] = envelope_version;
  std::ranges::copy(key.id(), sealed.begin() + 1);
  unsigned char* const nonce = octets_at(sealed, header_size);
  require(RAND_bytes(nonce, nonce_size), "a random number");
  const CipherContext context = new_cipher_context();
  int none = 0;
  const std::string_view header = std::string_view(sealed).substr(0, header_size);
  const bool done =
      EVP_EncryptInit_ex2(context.get(), cipher_.get(), key.bytes.data(), nonce, nullptr) == 1 &&
      pass(EVP_EncryptUpdate, context.get(), nullptr, header) &&
      pass(EVP_EncryptUpdate, context.get(), nullptr, bound) &&
      pass(EVP_EncryptUpdate, context.get(), nonce + nonce_size, plain) &&
      EVP_EncryptFinal_ex(context.get(), nonce + nonce_size + plain.size(), &none) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, tag_size,
                          nonce + nonce_size + plain.size()) == 1;
  require(done ? 1 : 0, "AES-256-GCM");
  return sealed;
}

std::optional<std::string> Sealer::open(std::string_view sealed, std::string_view bound) const {
  if (sealed.size() < overhead || sealed.front() != envelope_version) return std::nullopt;
  for (const auto& key : keys_) {
    if (sealed.substr(1, id_size) != key->id()) continue;
    if (auto plain = open_with(*key, sealed, bound)) return plain;
  }
  return std::nullopt;
}

std::optional<std::string> Sealer::open_with(const SealingKey& key, std::string_view sealed,
                                             std::string_view bound) const {
  const std::string_view nonce = sealed.substr(header_size, nonce_size);
  const std::string_view text = sealed.substr(header_size + nonce_size, sealed.size() - overhead);
  std::string tag(sealed.substr(sealed.size() - tag_size));  // OpenSSL takes none that is const
  std::string plain(text.size(), '\0');
  const CipherContext context = new_cipher_context();
  int none = 0;
  const bool done =
      EVP_DecryptInit_ex2(context.get(), cipher_.get(), key.bytes.data(), octets_of(nonce), nullptr) == 1 &&
      pass(EVP_DecryptUpdate, context.get(), nullptr, sealed.substr(0, header_size)) &&
      pass(EVP_DecryptUpdate, context.get(), nullptr, bound) &&
      pass(EVP_DecryptUpdate, context.get(), octets_at(plain, 0), text) &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, tag_size, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), octets_at(plain, text.size()), &none) == 1;
  if (done) return plain;
  OPENSSL_cleanse(plain.data(), plain.size());  // it may be what was sealed, but for a bit
  return std::nullopt;
}

std::string key_prefix(std::string_view app_id, std::string_view upstream_url) {
  const std::unique_ptr<EVP_MAC_CTX, void (*)(EVP_MAC_CTX*)> prepared(prepared_hmac(app_id, "prefix"),
                                                                      EVP_MAC_CTX_free);
  return "rk1:{" + hex_hmac(prepared.get(), upstream_url) + "}:";
}

Names::Names(std::string_view app_id) : prepared_(prepared_hmac(app_id, "names")) {}

std::string Names::of(std::string_view key_text) const {
  return hex_hmac(prepared_.get(), key_text);
}

}  // namespace roktcached::fleet
