#include "server/net/tls_engine.h"

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
namespace {

using boost::system::error_code;

/// That tells its places apart.
std::string text_of(std::size_t size) {
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

TEST_F(StreamWithTls, ReadsATextWhoseRecordsComeOctetByOctet) {
  shake_hands();
  encipher("GET / HTTP/1.1\r\n\r\n");
  begin_reading();
  const std::string octets = ciphertext();
  for (const char& octet : octets) {
    ASSERT_FALSE(read_error_);
    carry(std::string_view(&octet, 1));
    run();
  }
  ASSERT_TRUE(read_error_ && !*read_error_);
  EXPECT_EQ(read_, "GET / HTTP/1.1\r\n\r\n");
}

TEST_F(StreamWithTls, ShakesHandsOctetByOctet) {
  std::optional<error_code> shaken;
  asio::co_spawn(context_, stream_->shake_hands(),
                 [&](const std::exception_ptr&, const error_code& error) { shaken = error; });
  for (int turn = 0; turn < 10 && !shaken; ++turn) {
    SSL_do_handshake(client_.get());
    for (const char octet : ciphertext()) {
      carry(std::string_view(&octet, 1));
      run();
    }
    carry();
  }
  EXPECT_TRUE(shaken && !*shaken);
}

TEST_F(StreamWithTls, ReadsAtOnceAllRecordsThatHaveCome) {
  shake_hands();
  EXPECT_EQ(read_now().first, asio::error::would_block);
  encipher("one ");
  encipher("two ");
  encipher("three");
  carry();
  EXPECT_EQ(read_now(), std::pair(error_code(), std::string("one two three")));
  EXPECT_FALSE(stream_->drained()) << "over a Unix socket a read may end earlier";
  EXPECT_FALSE(stream_->holds_more());
  EXPECT_EQ(read_now().first, asio::error::would_block);
}

TEST_F(StreamWithTls, TellsOfWhatDidNotFitIntoARead) {
  shake_hands();
  encipher("one ");
  encipher("two");
  carry();
  EXPECT_EQ(read_now(6).second, "one tw");
  EXPECT_TRUE(stream_->holds_more()) << "no poller would tell";
  EXPECT_TRUE(stream_->has_received());
  EXPECT_FALSE(stream_->drained());
  EXPECT_EQ(read_now(6).second, "o");
  EXPECT_FALSE(stream_->holds_more());
}

TEST_F(StreamWithTls, TellsOfAnEndThatHasComeWithTheLastRequest) {
  shake_hands();
  encipher("one");
  SSL_shutdown(client_.get());
  carry();
  EXPECT_EQ(read_now(), std::pair(error_code(), std::string("one")));
  EXPECT_TRUE(stream_->holds_more()) << "no poller would tell: the client's side of the socket is open";
  EXPECT_EQ(read_now().first, asio::error::eof);
}

TEST_F(StreamWithTls, ReadsWhatComesWhileItWaitsHoweverLongItIs) {
  shake_hands();
  const std::string text = text_of(15'000);  // longer than what is kept of what comes meanwhile
  begin_reading();
  encipher(text);
  carry();
  while (read_.size() < text.size()) {
    run();
    ASSERT_TRUE(read_error_ && !*read_error_) << read_.size();
    if (read_.size() < text.size()) begin_reading();
  }
  EXPECT_EQ(read_, text);
}

TEST_F(StreamWithTls, WritesAHeadAndTheBeginningOfItsContentInOneRecord) {
  shake_hands();
  const std::string head(400, 'h');
  const std::string content = text_of(12'000);
  EXPECT_EQ(write_now(head, content), 12'400U);
  EXPECT_EQ(got(), head + content);
  EXPECT_EQ(records_, 1);
}

TEST_F(StreamWithTls, WritesALongAnswerInRecordsAsLargeAsThereAre) {
  shake_hands();
  const std::string content = text_of(60'000);
  EXPECT_EQ(write_now("", content), 60'000U);
  EXPECT_EQ(got(), content);
  records_ = 0;
  EXPECT_EQ(write_now("", content), 60'000U);
  EXPECT_EQ(got(), content);
  EXPECT_EQ(records_, 4);
}

TEST_F(StreamWithTls, WaitsForRoomAndGoesOnInTheMiddleOfARecord) {
  shake_hands();
  const std::string text = text_of(4 << 20);
  std::size_t written = 0;
  std::size_t went = 0;
  while ((went = write_now("", std::string_view(text).substr(written))) > 0) written += went;
  ASSERT_LT(written, text.size());
  std::optional<error_code> done;
  asio::co_spawn(context_, stream_->write(asio::buffer(text) + written),
                 [&](const std::exception_ptr&, const std::tuple<error_code, std::size_t>& outcome) {
                   done = std::get<0>(outcome);
                   written += std::get<1>(outcome);
                 });
  run();
  EXPECT_FALSE(done) << "nobody has taken anything";
  std::string all;
  for (int turn = 0; turn < 10'000 && all.size() < text.size(); ++turn) {
    all += got();
    run();
  }
  ASSERT_TRUE(done && !*done);
  EXPECT_EQ(written, text.size());
  EXPECT_TRUE(all == text);
}

TEST_F(StreamWithTls, GoesOnWithARecordWhereMoreHasComeBehindIt) {
  shake_hands();
  const std::string text = text_of(4 << 20);
  std::size_t written = 0;
  std::size_t went = 0;
  while ((went = write_now("", std::string_view(text).substr(written, 20'000))) > 0) written += went;
  std::string all = got();
  // The one that was cut is shorter than what is written now, and the text begins with it.
  while (all.size() < text.size()) {
    const std::string_view rest = std::string_view(text).substr(written);
    const std::size_t of_head = std::min<std::size_t>(rest.size(), 3);
    written += write_now(rest.substr(0, of_head), rest.substr(of_head));
    all += got();
    ASSERT_EQ(end_, SSL_ERROR_WANT_READ);
  }
  EXPECT_EQ(written, text.size());
  EXPECT_TRUE(all == text);
}

TEST_F(StreamWithTls, KnowsTheEndThatTheClientMeans) {
  shake_hands();
  begin_reading();
  SSL_shutdown(client_.get());
  carry();
  run();
  EXPECT_EQ(read_error_, asio::error::eof);
}

TEST_F(StreamWithTls, KnowsTheEndThatTheClientDoesNotMean) {
  shake_hands();
  begin_reading();
  peer_.reset();
  run();
  EXPECT_EQ(read_error_, asio::ssl::error::stream_truncated);
  EXPECT_EQ(read_now().first, asio::ssl::error::stream_truncated);
}

TEST_F(StreamWithTls, KnowsAnEndInTheMiddleOfARecord) {
  shake_hands();
  encipher("GET / HTTP/1.1\r\n\r\n");
  begin_reading();
  carry(ciphertext().substr(0, 20));
  run();
  ASSERT_FALSE(read_error_);
  peer_.reset();
  run();
  EXPECT_EQ(read_error_, asio::ssl::error::stream_truncated);
  EXPECT_EQ(read_, "");
}

TEST_F(StreamWithTls, RefusesARecordThatWasChanged) {
  shake_hands();
  encipher("GET / HTTP/1.1\r\n\r\n");
  std::string changed = ciphertext();
  changed.back() ^= 1;
  carry(changed);
  begin_reading();
  ASSERT_TRUE(read_error_);
  EXPECT_EQ(read_error_->category(), asio::error::get_ssl_category()) << read_error_->message();
  EXPECT_EQ(read_, "");
}

TEST_F(StreamWithTls, RefusesToRenegotiate) {
  SSL_set_max_proto_version(client_.get(), TLS1_2_VERSION);
  shake_hands();
  ASSERT_EQ(SSL_renegotiate(client_.get()), 1);
  SSL_do_handshake(client_.get());
  begin_reading();
  carry();
  run();
  EXPECT_FALSE(read_error_);
  carry();
  ERR_clear_error();
  const int result = SSL_do_handshake(client_.get());
  EXPECT_EQ(SSL_get_error(client_.get(), result), SSL_ERROR_SSL);
  EXPECT_EQ(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
}

TEST_F(StreamWithTls, TakesANewKeyOfTheClientAndMakesOneItself) {
  shake_hands();
  ASSERT_EQ(SSL_key_update(client_.get(), SSL_KEY_UPDATE_REQUESTED), 1);
  encipher("with the new key");
  carry();
  EXPECT_EQ(read_now().second, "with the new key");
  EXPECT_EQ(write_now("", "with another"), 12U);
  EXPECT_EQ(got(), "with another");
}

TEST_F(StreamWithTls, SaysItsLastWordAndWaitsForTheClients) {
  shake_hands();
  bool parted = false;
  asio::co_spawn(context_, stream_->end_sending(), [&](const std::exception_ptr&) { parted = true; });
  run();
  EXPECT_FALSE(parted);
  EXPECT_EQ(got(), "");
  EXPECT_EQ(end_, SSL_ERROR_ZERO_RETURN);
  SSL_shutdown(client_.get());
  carry();
  run();
  EXPECT_TRUE(parted);
}

TEST_F(StreamWithTls, WaitsNoLongerOnceItIsCancelled) {
  shake_hands();
  begin_reading();
  stream_->cancel();
  run();
  EXPECT_EQ(read_error_, asio::error::operation_aborted);
  encipher("later");
  carry();
  EXPECT_EQ(read_now().second, "later");
}

TEST_F(StreamWithTls, WritesNothingToTheSocketThatTakesItsPlace) {
  shake_hands();
  const int number = stream_->descriptor();
  stream_->close();
  std::array<int, 2> others = {-1, -1};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, others.data()), 0);
  const Descriptor one(others[0]);
  const Descriptor other(others[1]);
  ASSERT_TRUE(one.get() == number || other.get() == number);
  EXPECT_EQ(write_now("head", "content"), 0U);
  char octet = 0;
  EXPECT_EQ(::recv(one.get(), &octet, 1, 0), -1);
  EXPECT_EQ(::recv(other.get(), &octet, 1, 0), -1);
}

}  // namespace
}  // namespace roktcached::net
