------------------------------- MODULE Exchange -------------------------------
(***************************************************************************)
(* One exchange: a client thread makes Last offers in a row; receivers     *)
(* accept, finishers finish, and the client may strike at any time.        *)
(* Follows docs/exchange.md. Every step touches at most one shared word;   *)
(* the words are sequentially consistent, as the code makes them, but for  *)
(* the server's store of accepted, which may stay in its CPU's buffer      *)
(* until the server changes another word in one step or the client fences  *)
(* the server's threads. Server code runs under the record's lock, so one  *)
(* server thread at a time is inside the record; steps of the client fall  *)
(* between any two of its.                                                 *)
(*                                                                         *)
(* An answer word is <<sequence, bits>>. "withdraw" is the tentative       *)
(* strike of an offer that may only end before it is accepted, "cancel"    *)
(* the final strike, "confirmed" a withdrawal that the server saw first.   *)
(*                                                                         *)
(* Bug puts one mistake into the protocol; "none" is the protocol itself.  *)
(*   tentative  the tentative strike looks like the final one              *)
(*   stale      accept does not look at the post again                     *)
(*   torn       accept does not look at the answer again after its copy    *)
(*   putback    the client puts back the answer it saw when it posted      *)
(*   fence      withdraw makes no store go before it looks at accepted     *)
(*   order      withdraw looks at accepted before it changes the answer    *)
(*   finish     finish stores DONE without looking what it replaces        *)
(*   handle     finish does not look whether its handle is still good      *)
(*   rebind     the serial begins anew with a new client                   *)
(***************************************************************************)
EXTENDS Integers, FiniteSets

CONSTANTS Last,       \* offers the client makes
          Deaths,     \* how often the client may die and another take the exchange
          Receivers, Finishers,
          Turns,      \* may offers CONTINUE and finishes hold?
          Tries,      \* finishes tried with each handle
          Bug

Sequences == 1..Last
NoHandle == [serial |-> 0, sequence |-> 0, client |-> 0, error |-> FALSE, number |-> 0]

(* --algorithm Exchange {
variables
  \* words both sides see
  post = 0, answer = <<0, "done">>, accepted = 0,
  buffer = 0,                                             \* the store of accepted, where it is not yet seen
  offerLeft = 0, offerRight = 0, offerContinue = FALSE,  \* offer data and header, plain stores
  answerData = 0, answerHold = FALSE, answerError = FALSE, \* answer data and header, plain stores
  \* the server's private record
  lock = FALSE,
  record = [state |-> "idle", sequence |-> 0, open |-> <<0, "done">>, continue |-> FALSE, held |-> FALSE,
            serial |-> 0],                                \* counts acceptances: names an accepted offer
  handles = {},                                           \* what someone will finish: a serial, and for the invariants whose it is
  deaths = 0,
  \* what happened, for the invariants only
  outcome = [s \in Sequences |-> "none"],                 \* how the offer ended for the client
  accepts = [s \in Sequences |-> 0],                      \* times handed to a receiver
  finishes = [s \in Sequences |-> 0],                     \* successful finishes
  copied = [s \in Sequences |-> TRUE],                    \* the receiver got this offer's bytes
  filter = [s \in Sequences |-> TRUE],                    \* it went where its header says
  replied = [s \in Sequences |-> TRUE],                   \* the client got this offer's answer
  stranger = FALSE,                                       \* a handle finished another offer than its own
  truth = [s \in Sequences |-> FALSE];                    \* the offer's CONTINUE flag

macro Unlock() { lock := FALSE; }
macro Drain() { if (buffer /= 0) { accepted := buffer; buffer := 0 } }

\* The lane.
fair process (client = "client")
  variables n = 0, mode = "never", known = FALSE, replaced = <<0, "done">>, before = <<0, "done">>, saw = 0;
{
Offer:
  while (n < Last) {
      with (c \in {FALSE, Turns}, m \in {"never", "before", "any"}) { offerContinue := c; truth[n + 1] := c; mode := m };
      n := n + 1;
      known := FALSE || replaced := <<0, "done">>;
      offerLeft := n;
    Data:
      offerRight := n;
    Post:
      post := n;
      if (Bug = "putback") before := answer;
    Wait:
      either { await answer = <<n, "done">>; goto Read }
      or { await mode = "any"; goto Cancel }
      or { await mode /= "never" /\ ~known; if (Bug = "order") goto Early else goto Withdraw }
      or { await mode = "any" /\ deaths < Deaths; goto Die };
    Cancel:                                               \* strike allowed in both states
      if (answer = <<n, "done">>) goto Read
      else { answer := <<n, "cancel">>; outcome[n] := "cancelled"; goto Offer };
    Early:
      saw := accepted;
    Withdraw:                                             \* strike allowed only before accept
      if (answer = <<n, "done">>) goto Read
      else {
        replaced := IF Bug = "putback" THEN before ELSE answer;
        answer := <<n, IF Bug = "tentative" THEN "cancel" ELSE "withdraw">>;
      };
    Fence:
      if (Bug # "fence") Drain();
    Look:
      if (Bug # "order") saw := accepted;
    Decide:
      if (saw /= n) { outcome[n] := "withdrawn"; saw := 0; goto Offer };
    Back:
      saw := 0;
      if (answer = <<n, "confirmed">>) { outcome[n] := "withdrawn"; goto Offer }
      else if (answer = <<n, "done">>) goto Read
      else { answer := replaced; known := TRUE; replaced := <<0, "done">>; goto Wait };
    Die:                                                  \* fresh words for the next client, the record stays
      await ~lock;
      deaths := deaths + 1;
      outcome := [s \in Sequences |-> "none"] || accepts := [s \in Sequences |-> 0] || finishes := [s \in Sequences |-> 0];
      post := 0 || answer := <<0, "done">> || accepted := 0 || buffer := 0 || n := 0;
      record := [state |-> "idle", sequence |-> 0, open |-> <<0, "done">>, continue |-> FALSE, held |-> FALSE,
                 serial |-> IF Bug = "rebind" THEN 0 ELSE record.serial];
      goto Offer;
    Read:
      replied[n] := answerData = n;
      outcome[n] := IF answerError THEN "error" ELSE "reply";
  }
}

\* A receive: look at the post, accept, copy the first bytes.
fair process (receiver \in Receivers)
  variables word = <<0, "done">>, left = 0, right = 0;
{
Receive:
  while (TRUE) {
    either {                                              \* look
        await ~lock /\ buffer = 0 /\ post /= record.sequence; \* who takes the lock sees what was stored before it was given
        lock := TRUE;
        record := [record EXCEPT !.state = "queued", !.sequence = post, !.open = <<0, "done">>];
      Header:
        record.continue := offerContinue
          || record.held := record.held /\ offerContinue;
        Unlock();
    } or {                                                \* accept
        await ~lock /\ buffer = 0 /\ record.state = "queued";
        lock := TRUE;
      Accept:
        buffer := record.sequence;
      LoadAnswer:
        word := answer;
      LoadPost:
        if (word = <<record.sequence, "cancel">> /\ Bug # "tentative") goto Drop
        else if (word[1] = record.sequence /\ word[2] \in {"withdraw", "cancel"}) goto Confirm
        else if (post /= record.sequence /\ Bug # "stale") goto Drop
        else { record.open := word; goto CopyLeft };
      Confirm:
        Drain();
        if (answer = word) { answer := <<record.sequence, "confirmed">>; goto Drop }
        else goto LoadAnswer;
      CopyLeft:
        left := offerLeft;
      CopyRight:
        right := offerRight;
      Commit:
        if (Bug # "torn" /\ answer /= record.open /\ answer /= <<record.sequence, "withdraw">>
            /\ ~(Bug = "tentative" /\ answer = <<record.sequence, "cancel">>)) goto Drop
        else {
          with (s = record.sequence, error = record.continue /\ ~record.held) {
            accepts[s] := accepts[s] + 1;
            copied[s] := left = s /\ right = s;
            filter[s] := record.continue = truth[s];
            handles := handles \union {[serial |-> record.serial + 1, sequence |-> s, client |-> deaths, error |-> error, number |-> i]
                                       : i \in 1..Tries};
          };
          record.state := "accepted" || record.serial := record.serial + 1;
          goto Leave;
        };
      Drop:
        record := [record EXCEPT !.state = "idle", !.open = <<0, "done">>];
      Leave:
        word := <<0, "done">>; left := 0; right := 0;
        Unlock();
    }
  }
}

\* A CPU's buffer.
fair process (drain = "drain")
{
Buffer:
  while (TRUE) { await buffer /= 0; accepted := buffer; buffer := 0 }
}

\* A finish, by any thread, any time, once too often.
fair process (finisher \in Finishers)
  variables handle = NoHandle, hold = FALSE;
{
Idle:
  while (TRUE) {
      await ~lock /\ buffer = 0;
      with (h \in handles) { handle := h; handles := handles \ {h} };
      if (record.state = "accepted" /\ (record.serial = handle.serial \/ Bug = "handle")) {
        lock := TRUE;
        with (h \in {FALSE, Turns}) hold := h /\ ~handle.error;
      } else goto Forget;
    Write:
      answerData := handle.sequence || answerHold := hold || answerError := handle.error;
    Finish:
      with (s = record.sequence) {
        if (answer = record.open \/ answer = <<s, "withdraw">> \/ Bug = "finish") {
          answer := <<s, "done">>;
          finishes[s] := finishes[s] + 1;
          stranger := stranger \/ s /= handle.sequence \/ deaths /= handle.client;
          record := [record EXCEPT !.state = "idle", !.open = <<0, "done">>, !.held = hold];
        } else record := [record EXCEPT !.state = "idle", !.open = <<0, "done">>, !.held = FALSE];
      };
      Unlock();
    Forget:
      handle := NoHandle || hold := FALSE;
  }
}
} *)
\* BEGIN TRANSLATION (made by the test, not kept)
\* END TRANSLATION

\* The record stays within its states.
RecordOk ==
  /\ record.state \in {"idle", "queued", "accepted"}
  /\ record.sequence \in 0..Last
\* No message is handed out twice, and none that was withdrawn.
AcceptOnce == \A s \in Sequences : accepts[s] <= 1 /\ (outcome[s] = "withdrawn" => accepts[s] = 0)
\* Exactly one of reply and cancel.
OneEnd == \A s \in Sequences :
  /\ finishes[s] <= 1
  /\ outcome[s] \in {"reply", "error"} => finishes[s] = 1 /\ accepts[s] = 1
  /\ outcome[s] \in {"cancelled", "withdrawn"} => finishes[s] = 0
\* The receiver got the offer's own bytes, under the offer's own header.
Whole == \A s \in Sequences : copied[s] /\ filter[s]
\* The client got its own answer, also from memory that a late finish could write.
OwnAnswer == \A s \in Sequences : replied[s]
\* A handle finishes its own offer or none.
OwnHandle == ~stranger
\* Only a CONTINUE without a holder is refused.
Refusals == \A s \in Sequences : outcome[s] = "error" => truth[s]

\* Every offer ends: nobody has to strike, die, or hurry.
EveryOfferEnds == <>(pc["client"] = "Done")
===============================================================================
