// Measures what it costs to know who asks, on the way of a hit and off it: processor time of
// one thread, so that other work on the machine counts for little.
//
// Usage: who_asks
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "server/access/client_rate.h"
#include "server/access/scrypt.h"
#include "server/access/secret_verifier.h"
#include "server/access/token_key.h"

namespace {

using namespace roktcached;
using access::Presented;

volatile std::size_t sink = 0;  // so that no work is left out

template <class Work>
void measure(const char* what, int times, Work work) {
  for (int i = 0; i < times / 10; ++i) sink = sink + work();
  const std::clock_t begin = std::clock();
  for (int i = 0; i < times; ++i) sink = sink + work();
  const double took = static_cast<double>(std::clock() - begin) * (1e9 / CLOCKS_PER_SEC);
  std::printf("%-44s %10.0f ns\n", what, took / times);
}

std::vector<config::Client> ten_clients(std::string_view secret) {
  std::vector<config::Client> clients(10);
  for (std::size_t i = 0; i < clients.size(); ++i) {
    clients[i].name = "client-" + std::to_string(i);
    clients[i].secret_hash = access::hash_secret(i == 0 ? secret : "the-secret-of-another");
    clients[i].requests_per_second = 1e9;
    clients[i].burst = 1'000'000;
  }
  return clients;
}

http::Fields browser_like(std::string_view authorization) {
  http::Fields fields;
  for (const char* name :
       {"Host", "User-Agent", "Accept", "Accept-Encoding", "Accept-Language", "Connection"})
    fields.add(name, "something of an ordinary length");
  fields.add("Authorization", authorization);
  return fields;
}

}  // namespace

int main() {
  const std::string secret = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
  const auto clients = ten_clients(secret);
  const access::LocalTokens tokens(access::random_token_key(), clients);
  const WallTime now = wall_time_from_unix_ms(1'700'000'000'000);
  access::SecretVerifier authenticator(clients, tokens);
  access::AuthenticationCache gate(authenticator);
  const std::string key = "client-0:" + secret;
  const Presented by_key{Presented::Kind::api_key, key};
  boost::asio::io_context context(1);
  boost::asio::co_spawn(context, gate.verify(by_key, now), [](const std::exception_ptr&, const auto&) {});
  context.run();

  constexpr int many = 2'000'000;
  measure("recall, API key", many, [&] { return gate.recall(by_key, now)->client.value_or(99); });
  const std::string token = tokens.issue(0, now);
  const Presented by_token{Presented::Kind::local_token, token};
  measure("recall, local token", many, [&] { return gate.recall(by_token, now)->client.value_or(99); });
  const auto fields = browser_like("Bearer " + token);
  measure("present, of seven fields", many, [&] { return access::present(fields, {})->text.size(); });
  std::string target = "/v1/accounts/12/report?dateStart=2026-01-01&dateEnd=2026-01-31&currency=USD";
  measure("take_api_key, where there is none", many,
          [&] { return access::take_api_key(target)->has_value() ? 1U : 0U; });
  access::ClientRate rate(clients);
  measure("take of the client's rate", many,
          [&] { return rate.take(0, std::chrono::steady_clock::now()) ? 1U : 0U; });
  measure("local token, verified", many / 20, [&] { return tokens.verify(token, now)->client; });
  measure("local token, issued", many / 20, [&] { return tokens.issue(0, now).size(); });
  measure("scrypt, one secret", 20,
          [&] { return access::matches(*clients[0].secret_hash, secret) ? 1U : 0U; });
}
