# frozen_string_literal: true

require_relative "../support/fleet/callers"

# Whatever dies by kill -9 while a node waits for another: the waiter wakes when it is so, and not before.
RSpec.describe "waits while something dies by kill -9", :acceptance do
  include_context "with callers"

  before(:context) do
    @hub = @fleet.hub("hub")
    @source, @waiter, *@behind = join_all("source" => {}, "waiter" => {}, "behind1" => { listen: false },
                                          "behind2" => { listen: false })
    [@source, @behind.first].each { |node| offer(node) }
    @source.converge!("")
  end

  # A script that waits until the API of a node reads a file, once it has read that there is none.
  def waiting_for(file, at: @source, from: @waiter)
    looks = "#{file}.looks"
    work = console(from).begin(<<~RUBY)
      wait_until { #{probe(at)}.read('#{file}').tap { File.write('#{looks}', '.', mode: 'a') } }
    RUBY
    eventually("it waits") { File.exist?(looks) }
    work
  end

  # A real Chef run that waits until the source has a new attribute, once it has been there without.
  def run_waiting_for(value)
    looks = mark
    run = @waiter.converge_in_background(<<~RUBY)
      file '#{fleet.dir}/#{value}' do
        wait_until do
          answer = begin
            FlockOfChefs['source'][:flock_api].node('mark.#{value}')
          ensure
            File.write('#{looks}', '.', mode: 'a')
          end
        end
      end
    RUBY
    eventually("Chef waits") do
      raise File.read(@waiter.path("background.log")) unless run.alive?

      File.exist?(looks)
    end
    run
  end

  def write(file, at: @source) = console(at).ask("#{probe(at)}.write('#{file}', 'written')")

  def so(value) = @source.converge!("node.default['mark']['#{value}'] = true\n")

  # @return [Array<Boolean>] whether the run still waited before it was so; ended well then; did what it waited with
  def woken(run, value)
    waited = run.alive?
    so(value)
    [waited, run.value.success?, File.exist?("#{fleet.dir}/#{value}")]
  end

  describe "the other node's chef-client" do
    it "is not converging any more, and a wait for active to end does end" do
      never = "sleep 0.05 until File.exist?('#{mark}')"
      other = @source.converge_in_background("ruby_block('gate') { block { #{never} } }\n")
      state = "FlockOfChefs['source'][:flock_api].active"
      from = console(@waiter)
      eventually("it converges") { from.ask(state) }
      waiting = from.begin("wait_until { !#{state} }")
      expect(waiting).not_to be_over
      Process.kill("KILL", -other.pid)
      expect(waiting.value).to be(true)
      expect(from.ask("FlockOfChefs['source'][:flock_api].state.to_s")).to eq("failed")
    end
  end

  describe "the other node's agent" do
    it "is waited for by a Chef run, which goes on once it is so" do
      run = run_waiting_for("agent")
      without(@source) { nil }
      expect(woken(run, "agent")).to eq([true, true, true])
    end

    it "is waited for by a script, although what it waits for came while there was no agent" do
      file = mark
      waiting = waiting_for(file)
      without(@source) { File.write(file, "written") }
      expect(waiting.value).to be(true)
    end
  end

  describe "the other node's API host" do
    it "is waited for, and what it says after it was started again is heard" do
      file = mark
      waiting = waiting_for(file)
      Process.kill("KILL", host(@source)["pid"])
      eventually("it serves again") do
        host(@source).then { |now| now["state"] == "serving" && now["failures"].positive? }
      end
      expect(waiting).not_to be_over
      write(file)
      expect(waiting.value).to be(true)
    end
  end

  describe "the hub" do
    it "is not missed by a wait for a node that has an address" do
      file = mark
      waiting = waiting_for(file)
      without(@hub) do
        expect(waiting).not_to be_over
        write(file)
        expect(waiting.value).to be(true)
      end
    end

    it "is waited for by waits that go through it" do
      file = mark
      waiting = waiting_for(file, at: @behind.first, from: @behind.last)
      without(@hub) { write(file, at: @behind.first) }
      expect(waiting.value).to be(true)
    end
  end

  describe "the waiter's own agent" do
    it "is waited for by a Chef run, which goes on once it is so" do
      run = run_waiting_for("own")
      without(@waiter) { nil }
      expect(woken(run, "own")).to eq([true, true, true])
    end

    it "is waited for by a script, although what it waits for came while there was no agent" do
      file = mark
      waiting = waiting_for(file)
      without(@waiter) { write(file) }
      expect(waiting.value).to be(true)
    end
  end
end
