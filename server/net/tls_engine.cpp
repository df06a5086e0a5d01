#include "server/net/tls_engine.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <cerrno>
#include <cstring>
#include <new>

namespace roktcached::net {

namespace {

constexpr std::size_t max_record = SSL3_RT_MAX_PLAIN_LENGTH;
/// Written before others of the thread have their turn.
constexpr std::size_t max_at_once = 256 * 1024;

/// The part of `first` and `second`, as one text, from `at` on.
std::pair<asio::const_buffer, asio::const_buffer> rest(std::size_t at, asio::const_buffer first,
                                                       asio::const_buffer second) {
  const std::size_t of_first = std::min(at, first.size());
  return {first + of_first, second + (at - of_first)};
}

}  // namespace

TlsEngine::TlsEngine(SSL_CTX* context, int descriptor) : descriptor_(descriptor), tls_(SSL_new(context)) {
  BIO* const bio = tls_ ? BIO_new(socket_method()) : nullptr;
  if (bio == nullptr) throw std::bad_alloc();
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(tls_.get(), bio, bio);
  SSL_set_accept_state(tls_.get());
  // Requests carry secrets, and are deciphered in the buffers that they were read into.
  SSL_set_options(tls_.get(), SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_NO_RENEGOTIATION);
  SSL_set_mode(tls_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                               SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
  SSL_set_read_ahead(tls_.get(), 1);  // else a record takes two system calls, one for its header
}

boost::system::error_code TlsEngine::shake_hands() {
  begin();
  const int result = SSL_do_handshake(tls_.get());
  return result == 1 ? boost::system::error_code() : failure(result);
}

TlsEngine::Transferred TlsEngine::read(asio::mutable_buffer into) {
  begin();
  // OpenSSL would first allocate a buffer, to find out that there is nothing to be put into it.
  if (drained_ && !has_taken()) return {asio::error::would_block, 0};
  std::size_t size = 0;
  const int result = SSL_read_ex(tls_.get(), into.data(), into.size(), &size);
  if (result == 1) return {{}, size};
  return {failure(result), 0};
}

TlsEngine::Transferred TlsEngine::write(asio::const_buffer first, asio::const_buffer second) {
  const std::size_t size = std::min(first.size() + second.size(), max_at_once);
  const bool all = size == first.size() + second.size();
  std::size_t written = 0;
  while (written < size) {
    const auto [of_first, of_second] = rest(written, first, second);
    more_follows_ = !all || size - written > max_record;
    const auto [error, gone] = write_record(of_first, of_second);
    more_follows_ = false;
    if (error && written == 0) return {error, 0};
    if (error) break;  // the next call finds out
    written += gone;
  }
  return {{}, written};
}

/// Writes one record from the beginning of the two texts. A head shares it with the beginning of its content:
/// a record of its own would cost the client and us more than the copy does.
TlsEngine::Transferred TlsEngine::write_record(asio::const_buffer first, asio::const_buffer second) {
  std::array<unsigned char, max_record> joined;
  std::size_t copied = 0;
  asio::const_buffer record = asio::buffer(first.size() > 0 ? first : second, max_record);
  if (first.size() > 0 && second.size() > 0) {
    copied = asio::buffer_copy(asio::buffer(joined), std::array{first, second});
    record = asio::buffer(joined, copied);
  }
  begin();
  std::size_t written = 0;
  const int result = SSL_write_ex(tls_.get(), record.data(), record.size(), &written);
  Transferred transferred({}, written);
  if (result != 1) transferred = {failure(result), 0};
  in_record_ = transferred.first == asio::error::would_block;
  OPENSSL_cleanse(joined.data(), copied);  // a token may be in it
  return transferred;
}

boost::system::error_code TlsEngine::shut_down() {
  begin();
  int result = SSL_shutdown(tls_.get());
  if (result == 0) result = SSL_shutdown(tls_.get());  // the peer's last word
  return result == 1 ? boost::system::error_code() : failure(result);
}

void TlsEngine::arrived(std::size_t size) {
  taken_ = 0;
  arrived_ = size;
  drained_ = size > 0 && size < arrivals_.size();
}

void TlsEngine::begin() {
  ERR_clear_error();
  socket_error_ = 0;
  wants_to_write_ = false;
}

boost::system::error_code TlsEngine::failure(int result) {
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return asio::error::would_block;
    case SSL_ERROR_WANT_WRITE:
      wants_to_write_ = true;
      return asio::error::would_block;
    case SSL_ERROR_ZERO_RETURN:
      return asio::error::eof;
    default:
      break;
  }
  if (ended_) return asio::ssl::error::stream_truncated;
  if (socket_error_ != 0) return {socket_error_, boost::system::system_category()};
  const unsigned long code = ERR_get_error();
  if (code == 0) return asio::ssl::error::unspecified_system_error;
  return {static_cast<int>(code), asio::error::get_ssl_category()};
}

int TlsEngine::receive(char* into, std::size_t size) {
  if (arrived_ > taken_) {
    const std::size_t taken = std::min(size, arrived_ - taken_);
    std::memcpy(into, arrivals_.data() + taken_, taken);
    taken_ += taken;
    return static_cast<int>(taken);
  }
  if (drained_) {
    errno = EAGAIN;
    return -1;
  }
  const ssize_t received = ::recv(descriptor_, into, size, 0);
  drained_ = received > 0 ? received < static_cast<ssize_t>(size) : received < 0 && errno == EAGAIN;
  ended_ = ended_ || received == 0;
  return static_cast<int>(received);
}

int TlsEngine::receive(BIO* bio, char* into, int size) {
  auto& engine = *static_cast<TlsEngine*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (size <= 0) return 0;
  const int received = engine.receive(into, static_cast<std::size_t>(size));
  if (received >= 0) return received;
  if (errno == EAGAIN) {
    BIO_set_retry_read(bio);
  } else {
    engine.socket_error_ = errno;
  }
  return -1;
}

int TlsEngine::send(BIO* bio, const char* from, int size) {
  auto& engine = *static_cast<TlsEngine*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (size <= 0) return 0;
  const int flags = engine.more_follows_ ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL;
  const ssize_t sent = ::send(engine.descriptor_, from, static_cast<std::size_t>(size), flags);
  if (sent >= 0) return static_cast<int>(sent);
  if (errno == EAGAIN) {
    BIO_set_retry_write(bio);
  } else {
    engine.socket_error_ = errno;
  }
  return -1;
}

long TlsEngine::control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return static_cast<TlsEngine*>(BIO_get_data(bio))->ended_ ? 1 : 0;
  return 0;
}

BIO_METHOD* TlsEngine::socket_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "client's socket");
    if (made == nullptr) throw std::bad_alloc();
    BIO_meth_set_read(made, &TlsEngine::receive);
    BIO_meth_set_write(made, &TlsEngine::send);
    BIO_meth_set_ctrl(made, &TlsEngine::control);
    return made;
  }();
  return method;
}

}  // namespace roktcached::net
