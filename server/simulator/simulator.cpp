#include "server/simulator/simulator.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "core/http/validators.h"
#include "server/asio.h"
#include "server/background.h"
#include "server/simulator/faults.h"
#include "server/simulator/leaky_bucket.h"
#include "server/simulator/ledger.h"
#include "server/simulator/queries.h"
#include "server/simulator/reports.h"
#include "server/simulator/tokens.h"
#include "server/simulator/world.h"
#include "server/system_clock.h"

namespace roktcached::simulator {

namespace beast_http = boost::beast::http;
using tcp = asio::ip::tcp;
using Request = beast_http::request<beast_http::string_body>;
using Response = beast_http::response<beast_http::string_body>;
using Steady = std::chrono::steady_clock;

namespace {

constexpr std::uint64_t max_body = 1024 * 1024;
constexpr std::chrono::hours forever{24};
constexpr std::chrono::milliseconds pause_after_failed_accept{100};
constexpr const char* accepting = "the simulator's accepting";

std::string_view path_of(std::string_view target) {
  return target.substr(0, target.find('?'));
}

/// Holds `one` in `all` for as long as it lives, whichever way its coroutine ends.
template <class T>
class Listed {
 public:
  Listed(std::set<T*>& all, T& one) : all_(all), one_(&one) { all_.insert(one_); }
  ~Listed() { all_.erase(one_); }
  Listed(const Listed&) = delete;
  Listed& operator=(const Listed&) = delete;

 private:
  std::set<T*>& all_;
  T* one_;
};

bool has_content(unsigned status) {
  return status != 204 && status != 304;
}

std::string text_of(const Response& response) {
  std::ostringstream text;
  text << response;
  return text.str();
}

}  // namespace

/// Everything behind the simulator; all but the constructor and stop() on its one thread.
class Simulator::Server {
 public:
  Server(const Options& options, tcp::acceptor (*listen)(asio::io_context&, const Options&))
      : options_(options),
        world_(options.seed),
        tokens_(options.app_id, options.app_secret, options.token_lifetime),
        bucket_(options.rate, options.burst),
        acceptor_(listen(context_, options)),
        port_(acceptor_.local_endpoint().port()) {
    asio::post(context_, [this] { begin_to_accept(); });
    thread_ = std::thread([this] { run_context(context_, "the simulator"); });
  }
  ~Server() { stop(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void stop() {
    if (!thread_.joinable()) return;
    post_with_retry(context_, [this] {
      stopping_ = true;
      acceptor_.close();
      for (tcp::socket* socket : sockets_) close(*socket);
      for (asio::steady_timer* timer : timers_) timer->cancel();
    });
    thread_.join();
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  static void close(tcp::socket& socket) {
    boost::system::error_code ignored;
    socket.close(ignored);
  }

  void begin_to_accept() {
    const auto go_on = [this](bool failed) {
      if (!failed || stopping_) return;
      std::this_thread::sleep_for(pause_without_memory);
      post_with_retry(context_, [this] { begin_to_accept(); });
    };
    retry_until_done(accepting,
                     [&] { spawn_watched(context_.get_executor(), accept_loop(), accepting, go_on); });
  }

  asio::awaitable<void> accept_loop() {
    while (!stopping_) {
      auto [error, socket] = co_await acceptor_.async_accept(as_result);
      if (!error) {
        asio::co_spawn(context_, serve(std::move(socket)), logging_failure("the simulator's connection"));
      } else {
        co_await pause(pause_after_failed_accept);  // out of descriptors: they come back
      }
    }
  }

  asio::awaitable<void> serve(tcp::socket socket) {
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    const Listed<tcp::socket> listed(sockets_, socket);
    boost::beast::flat_buffer buffer;
    bool more = true;
    while (more && !stopping_) {
      beast_http::request_parser<beast_http::string_body> parser;
      parser.body_limit(max_body);
      const auto [error, read] = co_await beast_http::async_read(socket, buffer, parser, as_result);
      if (error) break;
      more = co_await answer_one(socket, parser.get());
    }
    close(socket);
  }

  /// @return whether the connection goes on
  asio::awaitable<bool> answer_one(tcp::socket& socket, const Request& request) {
    const std::string target(request.target());
    const std::string path(path_of(target));
    const bool control = path.starts_with("/_simulator/");
    const bool for_token = path == "/auth/oauth2/token";
    if (!control && !for_token) ledger_.received(std::string(request.method_string()), target);
    const std::optional<Fault> fault = control ? std::nullopt : faults_.meet(path);
    const bool answers = !fault || (fault->kind != FaultKind::reset && fault->kind != FaultKind::hang);
    if (fault && fault->kind == FaultKind::latency) co_await pause(fault->latency);
    if (fault && fault->kind == FaultKind::hold) co_await wait_for_other_faults();
    if (!answers) {
      if (!control && !for_token) ledger_.answered(0);
      if (fault->kind == FaultKind::hang) co_await pause(forever);
      boost::system::error_code ignored;
      socket.set_option(asio::socket_base::linger(true, 0), ignored);  // close with a reset
      co_return false;
    }
    Response response =
        control ? control_response(request, path) : api_response(request, target, for_token, fault);
    if (!control && !for_token) ledger_.answered(response.result_int());
    response.keep_alive(request.keep_alive());
    co_return co_await send(socket, std::move(response), request.method() == beast_http::verb::head, fault);
  }

  Response api_response(const Request& request, const std::string& target, bool for_token,
                        const std::optional<Fault>& fault) {
    if (fault && fault->kind == FaultKind::status)
      return make(error_reply(fault->status, "a fault was asked for"), request);
    if (for_token) return token_response(request, fault);
    const std::string authorization(request[beast_http::field::authorization]);
    if (!tokens_.accepts(authorization, Steady::now()))
      return make(error_reply(403, "the token is missing, wrong or expired"), request);
    if (!bucket_.pour(Steady::now())) return make(error_reply(429, "too many requests"), request);
    const WallTime now = options_.now ? *options_.now : clock_.wall_now();
    if (const std::string path(path_of(target)); is_query_path(path)) {
      const QueryRequest query{.method = std::string(request.method_string()),
                               .path = path,
                               .content = request.body(),
                               .end_date = options_.end_date,
                               .query_time_ms = ++queries_};
      return make(answer_query(world_, query, now), request);
    }
    const bool get = request.method() == beast_http::verb::get || request.method() == beast_http::verb::head;
    if (!get) return make(error_reply(405, "GET only"), request);
    return make(answer(world_, target, now), request);
  }

  Response token_response(const Request& request, const std::optional<Fault>& fault) {
    if (fault && fault->kind == FaultKind::malformed_token) return make({200, ""}, request);
    if (request.method() != beast_http::verb::post) return make(error_reply(405, "POST only"), request);
    const std::string authorization(request[beast_http::field::authorization]);
    Reply reply = tokens_.mint(authorization, request.body(), Steady::now());
    if (reply.status == 200) ledger_.minted();
    return make(std::move(reply), request);
  }

  Response control_response(const Request& request, const std::string& path) {
    const auto method = request.method();
    if (path == "/_simulator/requests" && method == beast_http::verb::get)
      return make({200, ledger_.to_json()}, request);
    if (path == "/_simulator/reset" && method == beast_http::verb::post) {
      ledger_.clear();
      bucket_.empty();
      return make({200, "{}"}, request);
    }
    if (path == "/_simulator/faults" && method == beast_http::verb::delete_) {
      set_faults({});
      return make({200, "{}"}, request);
    }
    if (path == "/_simulator/faults" && method == beast_http::verb::post) {
      auto faults = parse_faults(request.body());
      if (!faults) return make(error_reply(400, faults.error().context), request);
      set_faults(std::move(*faults));
      return make({200, "{}"}, request);
    }
    return make(error_reply(404, "no such control path"), request);
  }

  Response make(Reply reply, const Request& request) const {
    Response response;
    response.result(reply.status);
    response.set(beast_http::field::content_type, "application/json");
    if (options_.entity_tags && reply.status == 200) {
      const std::string tag = http::entity_tag_of(reply.body);
      response.set(beast_http::field::etag, tag);
      if (request[beast_http::field::if_none_match] == tag) {
        // RFC 9110, section 13.1.2: 304 is for GET and HEAD alone.
        response.result(request.method() == beast_http::verb::post ? beast_http::status::precondition_failed
                                                                   : beast_http::status::not_modified);
      }
    }
    if (has_content(response.result_int())) response.body() = std::move(reply.body);
    response.prepare_payload();
    return response;
  }

  asio::awaitable<bool> send(tcp::socket& socket, Response response, bool head_only,
                             const std::optional<Fault>& fault) {
    const bool keep_alive = response.keep_alive();
    const bool cut = fault && fault->kind == FaultKind::truncate;
    const std::size_t size = response.body().size();
    if (fault && fault->kind == FaultKind::wrong_length) response.content_length(size - size / 4);
    std::string text = text_of(response);
    const std::size_t head = text.size() - size;
    if (head_only || cut) text.resize(head_only ? head : head + size / 2);
    const std::size_t piece = fault && fault->kind == FaultKind::trickle ? 64 : text.size();
    for (std::size_t sent = 0; sent < text.size(); sent += piece) {
      const auto data = asio::buffer(text.data() + sent, std::min(piece, text.size() - sent));
      const auto [error, written] = co_await asio::async_write(socket, data, as_result);
      if (error) co_return false;
      if (piece < text.size()) co_await pause(fault->latency);
    }
    co_return keep_alive && !cut;
  }

  asio::awaitable<void> pause(std::chrono::milliseconds duration) {
    if (stopping_) co_return;
    asio::steady_timer timer(context_, duration);
    const Listed<asio::steady_timer> listed(timers_, timer);
    co_await timer.async_wait(as_result);
  }

  void set_faults(std::vector<Fault> faults) {
    faults_.set(std::move(faults));
    for (asio::steady_timer* timer : held_) timer->cancel();
  }

  asio::awaitable<void> wait_for_other_faults() {
    if (stopping_) co_return;
    asio::steady_timer timer(context_, forever);
    const Listed<asio::steady_timer> listed(timers_, timer);
    const Listed<asio::steady_timer> held(held_, timer);
    co_await timer.async_wait(as_result);
  }

  const Options options_;
  const World world_;
  const SystemClock clock_;
  Tokens tokens_;
  LeakyBucket bucket_;
  Ledger ledger_;
  std::int64_t queries_ = 0;  // answered; the time that an answer says it took
  Faults faults_;
  asio::io_context context_{1};
  tcp::acceptor acceptor_;
  std::set<tcp::socket*> sockets_;
  std::set<asio::steady_timer*> timers_;
  std::set<asio::steady_timer*> held_;  // those of them that wait for other faults
  bool stopping_ = false;
  const std::uint16_t port_;
  std::thread thread_;
};

Simulator::Simulator(std::unique_ptr<Server> server) : server_(std::move(server)) {}
Simulator::~Simulator() = default;
void Simulator::stop() {
  server_->stop();
}
std::uint16_t Simulator::port() const {
  return server_->port();
}

Result<std::unique_ptr<Simulator>> Simulator::start(const Options& options) {
  const auto listen = [](asio::io_context& context, const Options& wanted) {
    return tcp::acceptor(context, tcp::endpoint(asio::ip::make_address(wanted.host), wanted.port));
  };
  try {
    return std::unique_ptr<Simulator>(new Simulator(std::make_unique<Server>(options, +listen)));
  } catch (const boost::system::system_error& error) {
    return Error{ErrorCode::unavailable, false,
                 options.host + ":" + std::to_string(options.port) + ": " + error.code().message()};
  }
}

}  // namespace roktcached::simulator
