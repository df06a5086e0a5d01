#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "storage/response_store.h"
#include "tests/unit/storage/examples.h"

namespace roktcached::storage {

/// One implementation under the contract: how it is made, with room for everything these tests put.
struct StoreUnderTest {
  std::string name;
  std::function<std::unique_ptr<ResponseStore>(const examples::Folder&)> make;
};

/// The promises of every ResponseStore, whatever it is made of.
class ResponseStoreContract : public testing::TestWithParam<StoreUnderTest> {
 protected:
  [[nodiscard]] StoredResponsePtr found(int number) const {
    return store_->find(examples::key(number), examples::noon).value();
  }
  [[nodiscard]] std::uint64_t entries() const {
    std::uint64_t most = 0;
    for (const auto& tier : store_->statistics()) most = std::max(most, tier.entries);
    return most;
  }

  examples::Folder folder_;
  std::unique_ptr<ResponseStore> store_ = GetParam().make(folder_);
};

TEST_P(ResponseStoreContract, AnUnknownKeyIsNoError) {
  const auto unknown = store_->find(examples::key(1), examples::noon);
  ASSERT_TRUE(unknown);
  EXPECT_EQ(*unknown, nullptr);
}

TEST_P(ResponseStoreContract, WhatWasPutIsFoundAtOnceAndAfterAFlush) {
  const StoredResponse put = examples::response(1, std::string(10'000, 'a'));
  store_->put(examples::shared(put));
  ASSERT_NE(found(1), nullptr);
  EXPECT_TRUE(examples::same(*found(1), put));
  store_->flush();
  ASSERT_NE(found(1), nullptr);
  EXPECT_TRUE(examples::same(*found(1), put));
}

TEST_P(ResponseStoreContract, BodiesAreKeptByteForByte) {
  const std::vector<std::string> bodies = {"", std::string("\0\xff\r\n", 4), std::string(1 << 20, 'a'),
                                           examples::noise(3 << 20, 7)};
  for (std::size_t i = 0; i < bodies.size(); ++i)
    store_->put(examples::shared_response(static_cast<int>(i), bodies[i]));
  store_->flush();
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    const auto response = found(static_cast<int>(i));
    ASSERT_NE(response, nullptr) << i;
    EXPECT_TRUE(*response->body == bodies[i]) << i;
  }
}

TEST_P(ResponseStoreContract, WhatIsAbsentStaysAbsent) {
  StoredResponse put = examples::response(1);
  put.account_id.clear();
  put.campaign_id.clear();
  put.validator.clear();
  put.range_end.reset();
  put.status = 404;
  store_->put(examples::shared(put));
  store_->flush();
  EXPECT_TRUE(examples::same(*found(1), put));
}

TEST_P(ResponseStoreContract, ALaterPutTakesThePlaceOfAnEarlier) {
  store_->put(examples::shared_response(1, "early"));
  store_->flush();
  const StoredResponse later = examples::response(1, "later", examples::noon + std::chrono::hours{1});
  store_->put(examples::shared(later));
  EXPECT_TRUE(examples::same(*found(1), later));
  store_->flush();
  EXPECT_TRUE(examples::same(*found(1), later));
  EXPECT_EQ(entries(), 1U);
}

TEST_P(ResponseStoreContract, AConfirmedResponseHasItsNewTimesAndItsOldBody) {
  store_->put(examples::shared_response(1, std::string(5000, 'b')));
  store_->flush();
  StoredResponse confirmed = *found(1);
  confirmed.fetched_at += std::chrono::hours{1};
  confirmed.fresh_until += std::chrono::hours{1};
  confirmed.usable_until += std::chrono::hours{1};
  confirmed.head = "X-Confirmed: yes\r\n";
  store_->put(examples::shared(confirmed));
  store_->flush();
  EXPECT_TRUE(examples::same(*found(1), confirmed));
}

TEST_P(ResponseStoreContract, ListsWhatIsSelectedAndNoMoreThanAskedFor) {
  StoredResponse other_account = examples::response(1);
  other_account.account_id = "8";
  store_->put(examples::shared(other_account));
  for (int i = 2; i <= 5; ++i) store_->put(examples::shared_response(i));
  store_->flush();
  const auto listed = [&](const Listing& wanted) { return store_->list(wanted).value().size(); };
  EXPECT_EQ(listed({.selection = caching::Everything{}}), 5U);
  EXPECT_EQ(listed({.selection = caching::OfAccount{"7", std::nullopt}}), 4U);
  EXPECT_EQ(listed({.selection = caching::OfAccount{"7", "3"}}), 1U);
  EXPECT_EQ(listed({.selection = caching::OfRoute{"campaign-overview"}, .limit = 3}), 3U);
  EXPECT_EQ(listed({.selection = caching::OfRoute{"another"}}), 0U);
  EXPECT_EQ(listed({.selection = caching::WithKey{examples::key(1).hash()}}), 1U);
  EXPECT_EQ(listed({.selection = caching::WithKey{examples::key(100).hash()}}), 0U);
  EXPECT_EQ(listed({.restated_only = true}), 0U);
  const EntrySummary entry =
      store_->list({.selection = caching::OfAccount{"8", std::nullopt}}).value().front();
  EXPECT_EQ(entry.key, other_account.key);
  EXPECT_EQ(entry.route, other_account.route);
  EXPECT_EQ(entry.campaign_id, other_account.campaign_id);
  EXPECT_EQ(entry.body_bytes, other_account.body->size());
  EXPECT_EQ(entry.range_end, other_account.range_end);
  EXPECT_EQ(entry.fetched_at, other_account.fetched_at);
  EXPECT_EQ(entry.fresh_until, other_account.fresh_until);
  EXPECT_EQ(entry.usable_until, other_account.usable_until);
}

TEST_P(ResponseStoreContract, ListsTheLastRestatedFirst) {
  store_->put(examples::shared_response(1));
  for (const int number : {2, 4, 3})
    store_->put(
        examples::shared(examples::restated_response(number, examples::noon + std::chrono::minutes{number})));
  store_->flush();
  const auto entries = store_->list({.restated_only = true, .limit = 2}).value();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].key, examples::key(4));
  EXPECT_EQ(entries[1].key, examples::key(3));
  EXPECT_EQ(entries[1].restated->at, examples::noon + std::chrono::minutes{3});
  EXPECT_EQ(entries[1].restated->moved, R"([{"field":"/a"}])");
}

TEST_P(ResponseStoreContract, UsageCountsWhatWasFoundInMemorySinceItWasPut) {
  const auto hash = examples::key(1).hash();
  EXPECT_EQ(store_->usage_of(hash).response, nullptr);
  store_->put(examples::shared_response(1));
  const Usage before = store_->usage_of(hash);
  if (GetParam().name == "Sqlite") {
    EXPECT_EQ(before.response, nullptr) << "it is no memory";
    return;
  }
  ASSERT_NE(before.response, nullptr);
  EXPECT_EQ(before.finds, 0U);
  static_cast<void>(found(1));
  static_cast<void>(found(1));
  EXPECT_EQ(store_->usage_of(hash).finds, 2U);
  store_->put(examples::shared_response(1));
  EXPECT_EQ(store_->usage_of(hash).finds, 0U);
}

TEST_P(ResponseStoreContract, KeysThatDifferInOneByteAreApart) {
  StoredResponse one = examples::response(1, "one");
  StoredResponse other = one;
  other.key = Key(std::string(one.key.text()) + "x");
  other.body = caching::share_body("other");
  store_->put(examples::shared(one));
  store_->put(examples::shared(other));
  store_->flush();
  EXPECT_EQ(*store_->find(one.key, examples::noon).value()->body, "one");
  EXPECT_EQ(*store_->find(other.key, examples::noon).value()->body, "other");
}

TEST_P(ResponseStoreContract, ManyAreAllFoundAndCounted) {
  std::uint64_t least = 0;
  for (int number = 0; number < 1500; ++number) {
    const auto put = examples::shared_response(number, "body " + std::to_string(number));
    least += put->key.text().size() + put->head.size() + put->body->size();
    store_->put(put);
  }
  store_->flush();
  for (int number = 0; number < 1500; ++number) {
    const auto response = found(number);
    ASSERT_NE(response, nullptr) << number;
    ASSERT_EQ(*response->body, "body " + std::to_string(number));
  }
  for (const auto& tier : store_->statistics()) {
    EXPECT_EQ(tier.entries, 1500U) << tier.tier;
    EXPECT_GE(tier.bytes, least) << tier.tier;
    EXPECT_GT(tier.bytes_max, tier.bytes) << tier.tier;
    EXPECT_EQ(tier.errors + tier.dropped_writes + tier.queued_writes + tier.evictions, 0U) << tier.tier;
  }
}

TEST_P(ResponseStoreContract, FlushingWithoutWritesReturns) {
  store_->flush();
  store_->flush();
  EXPECT_EQ(entries(), 0U);
}

TEST_P(ResponseStoreContract, AHardPurgeRemovesWhatItSelectsAndNothingElse) {
  const auto target = caching::with_target(caching::target_of(examples::key(2))).value();
  const std::vector<std::pair<caching::Selection, std::vector<int>>> cases = {
      {caching::WithKey{examples::key(1).hash()}, {1}},
      {target, {2}},
      {caching::OfAccount{"7", "3"}, {3}},
      {caching::OfAccount{"8", {}}, {20}},
      {caching::OfRoute{"campaign-overview"}, {4}},
      {caching::OfRoute{"no-such-route"}, {}},
      {caching::Everything{}, {5, 6}},
  };
  for (const bool flushed : {false, true}) {
    for (int number = 1; number <= 4; ++number) store_->put(examples::shared_response(number));
    for (const int number : {5, 6, 20}) {
      StoredResponse other = examples::response(number);
      other.route = "another";
      if (number == 20) other.account_id = "8";
      store_->put(examples::shared(other));
    }
    if (flushed) store_->flush();
    std::size_t left = 7;
    for (const auto& [selection, gone] : cases) {
      const auto purged = store_->purge({selection, caching::PurgeKind::hard}, examples::noon);
      ASSERT_TRUE(purged);
      EXPECT_EQ(*purged, gone.size()) << selection.index();
      for (const int number : gone) EXPECT_EQ(found(number), nullptr) << number;
      left -= gone.size();
      EXPECT_TRUE(!flushed || entries() == left) << selection.index();
      EXPECT_EQ(found(6) != nullptr, left > 0);
    }
  }
}

TEST_P(ResponseStoreContract, ASoftPurgeLeavesWhatItSelectsAsStale) {
  const WallTime now = examples::noon + std::chrono::minutes{10};
  for (const bool flushed : {false, true}) {
    const StoredResponse put = examples::response(1, std::string(10'000, flushed ? 'a' : 'b'));
    store_->put(examples::shared(put));
    store_->put(examples::shared_response(2));
    if (flushed) store_->flush();
    const caching::Purge purge{caching::OfAccount{"7", "1"}, caching::PurgeKind::soft};
    EXPECT_EQ(store_->purge(purge, now).value(), 1U);
    EXPECT_EQ(store_->purge(purge, now).value(), 0U) << "is stale already";
    for (int again = 0; again < 2; ++again) {
      ASSERT_NE(found(1), nullptr);
      EXPECT_TRUE(examples::same(*found(1), caching::made_stale(put, now)));
      EXPECT_TRUE(examples::same(*found(2), examples::response(2)));
      store_->flush();
    }
    Listing wanted;
    wanted.selection = purge.selection;
    const auto listed = store_->list(wanted).value();
    ASSERT_EQ(listed.size(), 1U);
    EXPECT_EQ(listed[0].fresh_until, caching::made_stale(put, now).fresh_until) << "and is listed as stale";
    const StoredResponse confirmed = examples::response(1, std::string(*put.body), now);
    store_->put(examples::shared(confirmed));
    store_->flush();
    EXPECT_TRUE(examples::same(*found(1), confirmed)) << "a later answer is fresh";
  }
}

/// What the daemon notes for itself is no answer: no purge counts or removes it, and no list names it.
TEST_P(ResponseStoreContract, ANoteIsSelectedByItsKeyAlone) {
  StoredResponse note = examples::response(1, "noted");
  note.key = Key("default ~fleet/1 LATEST");
  const auto noted = [&] { return store_->find(note.key, examples::noon).value(); };
  for (const bool flushed : {false, true}) {
    for (const auto kind : {caching::PurgeKind::hard, caching::PurgeKind::soft}) {
      for (const caching::Selection& selection :
           {caching::Selection(caching::Everything{}),
            caching::Selection(caching::OfRoute{"campaign-overview"}),
            caching::Selection(caching::OfAccount{"7", std::nullopt}),
            caching::Selection(caching::WithTarget{"~fleet/1", "~fleet/1"})}) {
        store_->put(examples::shared(note));
        store_->put(examples::shared_response(2));
        if (flushed) store_->flush();
        const auto purged = store_->purge({selection, kind}, examples::noon);
        ASSERT_TRUE(purged);
        EXPECT_EQ(*purged, std::holds_alternative<caching::WithTarget>(selection) ? 0U : 1U)
            << caching::name_of(selection);
        ASSERT_NE(noted(), nullptr) << caching::name_of(selection);
        EXPECT_TRUE(examples::same(*noted(), note));
      }
    }
  }
  store_->flush();
  const auto listed = store_->list({});
  ASSERT_TRUE(listed);
  for (const auto& entry : *listed) EXPECT_FALSE(caching::is_note(entry.key));
  EXPECT_EQ(
      store_->purge({caching::WithKey{note.key.hash()}, caching::PurgeKind::hard}, examples::noon).value(),
      1U);
  EXPECT_EQ(noted(), nullptr);
}

TEST_P(ResponseStoreContract, APurgeOfManyRemovesThemAll) {
  for (int number = 0; number < 3000; ++number) store_->put(examples::shared_response(number));
  EXPECT_EQ(store_->purge({caching::OfAccount{"7", {}}, caching::PurgeKind::soft}, examples::noon).value(),
            3000U);
  store_->flush();
  EXPECT_EQ(entries(), 3000U);
  EXPECT_EQ(store_->purge({caching::Everything{}, caching::PurgeKind::hard}, examples::noon).value(), 3000U);
  EXPECT_EQ(entries(), 0U);
}

/// Readers bring rows into memory while they are purged: none may be found once a purge has returned.
TEST_P(ResponseStoreContract, NothingPurgedComesBack) {
  constexpr int rounds = 60;
  std::atomic<bool> finished = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!finished) {
        for (int number = 0; number < 4; ++number)
          static_cast<void>(store_->find(examples::key(number), examples::noon));
      }
    });
  }
  int wrong = 0;
  for (int round = 0; round < rounds; ++round) {
    for (int number = 0; number < 4; ++number)
      store_->put(examples::shared_response(number, std::to_string(round)));
    if (round % 2 == 0) store_->flush();
    if (!store_->purge({caching::OfAccount{"7", {}}, caching::PurgeKind::hard}, examples::noon)) ++wrong;
    for (int again = 0; again < 3; ++again) {
      for (int number = 0; number < 4; ++number) wrong += found(number) != nullptr ? 1 : 0;
    }
  }
  finished = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
}

/// One thread counts a key's versions up, others read: whoever has seen put(n) return may never find less
/// than n.
TEST_P(ResponseStoreContract, NoFindSeesAnEarlierResponseThanTheLastThatWasPut) {
  constexpr int keys = 8;
  constexpr int versions = 400;
  std::vector<std::atomic<int>> put(keys);
  std::atomic<int> wrong = 0;
  std::atomic<int> seen = 0;
  std::atomic<bool> finished = false;
  const auto write = [&](int first) {
    for (int version = 1; version <= versions; ++version) {
      for (int number = first; number < keys; number += 2) {
        store_->put(examples::shared_response(number, std::to_string(version)));
        put[static_cast<std::size_t>(number)] = version;
      }
      if (version % 50 == 0) store_->flush();
    }
  };
  const auto read = [&] {
    for (int i = 0; !finished; ++i) {
      const int number = i % keys;
      const int least = put[static_cast<std::size_t>(number)];
      const auto response = store_->find(examples::key(number), examples::noon);
      if (!response || (!*response && least > 0)) {
        ++wrong;  // there is room for all of it
      } else if (*response) {
        ++seen;
        if (std::stoi(std::string(*(*response)->body)) < least) ++wrong;
      }
    }
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) readers.emplace_back(read);
  std::thread even(write, 0);
  std::thread odd(write, 1);
  even.join();
  odd.join();
  finished = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(seen, 0);
}

}  // namespace roktcached::storage
