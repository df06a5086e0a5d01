#pragma once

#include <openssl/ssl.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <memory>
#include <utility>

#include "server/asio.h"

namespace roktcached::net {

/// The server's side of TLS over a socket that does not block. It does only what goes at once; its owner
/// waits (see wants_to_write()). Belongs to one thread, and to the stream that owns it.
///
/// OpenSSL reads from the socket and writes to it itself. Deciphered text is wiped before its memory is
/// freed. The kernel makes large segments of records that belong together (MSG_MORE).
class TlsEngine {
 public:
  /// would_block: try again once what it waits for has come. eof: the peer has ended the stream properly. A
  /// connection that ends otherwise is stream_truncated (RFC 8446, section 6.1).
  using Transferred = std::pair<boost::system::error_code, std::size_t>;

  /// @param descriptor  of a connected socket that does not block; stays the caller's
  /// @throws std::bad_alloc
  TlsEngine(SSL_CTX* context, int descriptor);
  TlsEngine(const TlsEngine&) = delete;
  TlsEngine& operator=(const TlsEngine&) = delete;

  [[nodiscard]] boost::system::error_code shake_hands();
  [[nodiscard]] Transferred read(asio::mutable_buffer into);
  /// Writes the two as one text, in the largest records, but 256 KiB at most: then other connections have
  /// their turn. A record that has gone in part counts as not written, and goes on with the next call, whose
  /// text must begin with the rest of this one.
  [[nodiscard]] Transferred write(asio::const_buffer first, asio::const_buffer second);
  /// Tells the peer that nothing more comes, and reads the peer's close_notify.
  [[nodiscard]] boost::system::error_code shut_down();

  /// After would_block: whether it waits for room to write, rather than for something to read.
  [[nodiscard]] bool wants_to_write() const { return wants_to_write_; }
  /// Whether a record has gone in part.
  [[nodiscard]] bool in_record() const { return in_record_; }
  /// Whether there is something to read that is not in the socket any more.
  [[nodiscard]] bool has_taken() const { return SSL_has_pending(tls_.get()) == 1 || arrived_ > taken_; }
  /// Whether the last read took all that the socket had.
  [[nodiscard]] bool drained() const { return drained_; }
  /// Something may have come to the socket since.
  void look_again() { drained_ = false; }

  /// The owner that waits for something to read can have it put here, and say so with arrived(). That saves a
  /// system call for each request.
  [[nodiscard]] asio::mutable_buffer arrivals() { return asio::buffer(arrivals_); }
  /// @param size  0: that was the end
  void arrived(std::size_t size);

  /// The certificate that the client has proved to hold; null: none. Owned by the engine.
  [[nodiscard]] X509* certificate() const { return SSL_get0_peer_certificate(tls_.get()); }
  /// The descriptor is closed, and its number may soon be another's: everything fails from here on.
  void detach() { descriptor_ = -1; }

 private:
  struct FreeTls {
    void operator()(SSL* tls) const { SSL_free(tls); }
  };
  static BIO_METHOD* socket_method();
  static int receive(BIO* bio, char* into, int size);
  static int send(BIO* bio, const char* from, int size);
  static long control(BIO* bio, int command, long number, void* pointer);

  [[nodiscard]] int receive(char* into, std::size_t size);
  [[nodiscard]] Transferred write_record(asio::const_buffer first, asio::const_buffer second);
  /// To be called before each call of OpenSSL whose result is judged by failure().
  void begin();
  [[nodiscard]] boost::system::error_code failure(int result);

  int descriptor_;
  bool wants_to_write_ = false;
  bool in_record_ = false;
  bool drained_ = false;
  bool ended_ = false;         // the socket's input
  bool more_follows_ = false;  // what is sent is not the last
  int socket_error_ = 0;       // errno
  std::size_t taken_ = 0;      // of arrivals_
  std::size_t arrived_ = 0;
  std::array<char, 2048> arrivals_;  // still enciphered
  std::unique_ptr<SSL, FreeTls> tls_;
};

}  // namespace roktcached::net
