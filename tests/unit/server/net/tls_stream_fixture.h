#pragma once

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/net/client_stream.h"
#include "tests/unit/server/net/certificates.h"

namespace roktcached::net {

using boost::system::error_code;

/// That tells its places apart.
inline std::string text_of(std::size_t size) {
  std::string text;
  for (int number = 0; text.size() < size; ++number) text += std::to_string(number) + ' ';
  text.resize(size);
  return text;
}

struct FreeTls {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* tls) const { SSL_free(tls); }
};

/// A stream with TLS and its client, an OpenSSL of its own whose ciphertext the test carries: all at once,
/// octet by octet, or not at all.
class StreamWithTls : public testing::Test {
 protected:
  StreamWithTls() {
    std::array<int, 2> ends = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    peer_.emplace(ends[1]);
    auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
    const Identity identity("localhost");
    SSL_CTX_use_certificate(context->native_handle(), identity.certificate.get());
    SSL_CTX_use_PrivateKey(context->native_handle(), identity.key.get());
    stream_.emplace(context_.get_executor(), Descriptor(ends[0]),
                    ClientStream::Protocol(AF_UNIX, SOCK_STREAM), std::move(context));
    client_.reset(SSL_new(client_context_.get()));
    SSL_set_bio(client_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(client_.get());
    SSL_set_msg_callback(client_.get(), count_record);
    SSL_set_msg_callback_arg(client_.get(), this);
  }

  static void count_record(int sent, int, int type, const void* header, std::size_t, SSL*, void* test) {
    const bool of_content =
        type == SSL3_RT_HEADER && *static_cast<const unsigned char*>(header) == SSL3_RT_APPLICATION_DATA;
    if (sent == 0 && of_content) ++static_cast<StreamWithTls*>(test)->records_;
  }

  /// What the client has to send, which is sent no more.
  std::string ciphertext() {
    char* bytes = nullptr;
    const auto size = static_cast<std::size_t>(BIO_get_mem_data(SSL_get_wbio(client_.get()), &bytes));
    std::string text(bytes, size);
    (void)BIO_reset(SSL_get_wbio(client_.get()));
    return text;
  }
  void carry(std::string_view text) {
    EXPECT_EQ(::send(peer_->get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  /// Gives the client what has come for it, and sends what it has to send.
  void carry() {
    carry(ciphertext());
    std::string some(64 * 1024, '\0');
    ssize_t size = 0;
    while ((size = ::recv(peer_->get(), some.data(), some.size(), 0)) > 0)
      BIO_write(SSL_get_rbio(client_.get()), some.data(), static_cast<int>(size));
  }
  void run() {
    context_.restart();
    context_.poll();
  }

  void shake_hands() {
    std::optional<error_code> shaken;
    asio::co_spawn(context_, stream_->shake_hands(),
                   [&](const std::exception_ptr&, const error_code& error) { shaken = error; });
    for (int turn = 0; turn < 10 && !shaken; ++turn) {
      SSL_do_handshake(client_.get());
      carry();
      run();
    }
    ASSERT_TRUE(shaken && !*shaken);
    (void)got();  // the tickets for later connections
    records_ = 0;
  }

  void encipher(std::string_view text) {
    ASSERT_EQ(SSL_write(client_.get(), text.data(), static_cast<int>(text.size())),
              static_cast<int>(text.size()));
  }
  /// What the client has got by now.
  std::string got() {
    carry();
    std::string all;
    std::string some(64 * 1024, '\0');
    int size = 0;
    while ((size = SSL_read(client_.get(), some.data(), static_cast<int>(some.size()))) > 0)
      all.append(some, 0, static_cast<std::size_t>(size));
    end_ = SSL_get_error(client_.get(), size);
    return all;
  }

  /// Begins to read; the outcome is in `read_` and `read_error_` once there is one.
  void begin_reading() {
    read_error_.reset();
    asio::co_spawn(context_, stream_->read_some(asio::buffer(into_)),
                   [this](const std::exception_ptr&, const std::tuple<error_code, std::size_t>& outcome) {
                     read_error_ = std::get<0>(outcome);
                     read_.append(into_.data(), std::get<1>(outcome));
                   });
    run();
  }
  /// @return the size of what could be read at once
  std::pair<error_code, std::string> read_now(std::size_t most = 16 * 1024) {
    std::string into(most, '\0');
    const auto [error, size] = stream_->read_now(asio::buffer(into));
    return {error, into.substr(0, size)};
  }
  std::size_t write_now(std::string_view head, std::string_view content) {
    return stream_->write_now(asio::buffer(head), asio::buffer(content), ClientStream::After::more);
  }

  asio::io_context context_;
  std::optional<Descriptor> peer_;
  std::optional<ClientStream> stream_;
  std::unique_ptr<SSL_CTX, FreeTls> client_context_{SSL_CTX_new(TLS_client_method())};
  std::unique_ptr<SSL, FreeTls> client_;
  int records_ = 0;  // of content, that the client has got
  int end_ = 0;      // as SSL_get_error() has it: why got() got no more
  std::array<char, 16 * 1024> into_{};
  std::string read_;
  std::optional<error_code> read_error_;
};

}  // namespace roktcached::net
