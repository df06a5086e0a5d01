#pragma once

#include <openssl/evp.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace roktcached::fleet {

/// Seals what travels through the engine of a fleet: whoever reads or writes there can neither read a number
/// nor invent one. AES-256-GCM (NIST SP 800-38D) under keys that HKDF-SHA256 (RFC 5869) makes of a secret,
/// with the app id as salt and the purpose in its info, so that what was sealed for one purpose opens for no
/// other.
///
/// Envelope: a version byte, 4 bytes that name the key, 12 of a random nonce, the ciphertext, and 16 of a
/// tag. A key seals at most 2^32 times before a nonce may come again: a thousand times a second for 49 days
/// in all instances together, which no upstream's limit lets happen.
///
/// Immutable: safe from any thread. Wipes its keys when it goes.
class Sealer {
 public:
  /// How much longer an envelope is than its content, in bytes.
  static constexpr std::size_t overhead = 1 + 4 + 12 + 16;

  /// @param secrets  one or more: the first seals, all open
  /// @throws std::invalid_argument where there is no secret, std::runtime_error if OpenSSL has no AES-GCM
  Sealer(const std::vector<std::string_view>& secrets, std::string_view app_id, std::string_view purpose);
  Sealer(Sealer&&) noexcept;
  Sealer& operator=(Sealer&&) noexcept;
  ~Sealer();

  /// @param bound  is not in the envelope, which opens only with the same `bound`
  /// @throws std::runtime_error if OpenSSL has no random bytes
  [[nodiscard]] std::string seal(std::string_view plain, std::string_view bound) const;

  /// @return empty if it was changed, is of another version, key, purpose or app id, or was bound to
  ///         something else
  [[nodiscard]] std::optional<std::string> open(std::string_view sealed, std::string_view bound) const;

 private:
  struct SealingKey;
  struct Free {
    void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
  };

  [[nodiscard]] std::optional<std::string> open_with(const SealingKey& key, std::string_view sealed,
                                                     std::string_view bound) const;

  std::unique_ptr<EVP_CIPHER, Free> cipher_;
  std::vector<std::unique_ptr<SealingKey>> keys_;  // the first seals
};

/// The beginning of all keys of a credential in the engine: "rk1:{", 32 hex digits and "}:". The braces put
/// all keys of a credential into one slot. The beginning does not depend on the secret, so a fleet stays
/// together while that is renewed. It does not show the app id, except to somebody who guesses it.
/// @param upstream_url  instances with another upstream share nothing with us
[[nodiscard]] std::string key_prefix(std::string_view app_id, std::string_view upstream_url);

/// The names of responses in the engine, from which nobody who watches it can read account ids. Immutable:
/// safe from any thread.
class Names {
 public:
  explicit Names(std::string_view app_id);

  /// @param key_text  as caching::Key has it
  /// @return 32 hex digits
  [[nodiscard]] std::string of(std::string_view key_text) const;

 private:
  struct Free {
    void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
  };

  std::unique_ptr<EVP_MAC_CTX, Free> prepared_;
};

}  // namespace roktcached::fleet
