# frozen_string_literal: true

require_relative "../support/fleet/callers"

RSpec.describe "many calls and waits between two nodes", :acceptance do
  include_context "with callers"

  before(:context) do
    @callee = @fleet.hub("callee")
    @caller = @fleet.join("caller")
    offer(@callee)
  end

  # Memory that is the process's own, in KiB: neither files nor what it shares.
  def own_kib(pid) = Integer(File.read("/proc/#{pid}/status")[/^RssAnon:\s+(\d+)/, 1])

  def descriptors(pid) = Dir.children("/proc/#{pid}/fd").size

  describe "10,000 calls" do
    # A leak of one KiB per call were 10,000.
    slack_kib = 7_000

    let(:from) { console(@caller) }

    # Calls by eight threads of one process, some of each kind.
    def call(count)
      from.ask(<<~RUBY, timeout: 300)
        api = #{probe(@callee)}
        8.times.map do
          Thread.new do
            #{count / 8}.times do |n|
              case n % 8
              when 0 then raised { api.fail_with('x' * 64) }
              when 1 then api.async.echo('x' * 64)
              when 2 then FlockOfChefs['callee'][:flock_api].active
              when 3 then raised { FlockOfChefs[n % 64 == 3 ? 'nobody' : 'callee'][:probe].echo(1) }
              else api.echo('x' * 64) == 'x' * 64 or raise 'wrong answer'
              end
            end
          end
        end.each(&:value)
        #{probe(@callee)}.tidy
        GC.start
        true
      RUBY
    end

    it "leave the memory of the caller, of both agents and of the API host as it was, and all descriptors closed" do
      processes = { "caller" => from.pid, "its agent" => @caller.pid, "the other agent" => @callee.pid,
                    "the API host" => host(@callee)["pid"] }
      call(2_000)
      before = processes.transform_values { |pid| [own_kib(pid), descriptors(pid)] }
      call(10_000)
      grown = processes.to_h { |name, pid| [name, own_kib(pid) - before[name][0]] }
      opened = processes.to_h { |name, pid| [name, descriptors(pid) - before[name][1]] }
      warn grown if ENV["FLOCK_SHOW"]
      expect(grown.values).to all(be < slack_kib), grown.to_s
      expect(opened.values).to all(be < 20), opened.to_s
    end
  end

  describe "50 waits of one process, each on a thread of its own" do
    it "all wake by one change, and none has asked without being told of one" do
      file = mark
      looks = mark
      from = console(@caller)
      here = console(@callee)
      here.ask("#{probe(@callee)}.write('#{mark}', 'it is an API that tells')")
      waiting = from.begin(<<~RUBY)
        50.times.map do |n|
          Thread.new do
            wait_until { #{probe(@callee)}.read('#{file}').tap { File.write("#{looks}-\#{n}", '.', mode: 'a') } }
          end
        end.map(&:value)
      RUBY
      eventually("all wait") { Dir["#{looks}-*"].size == 50 }
      expect(waiting).not_to be_over
      here.ask("#{probe(@callee)}.write('#{file}', 'written')")
      expect(waiting.value).to eq([true] * 50)
      # The third look is that of the line of progress, on a slow machine.
      expect(Dir["#{looks}-*"].map { |one| File.size(one) }).to all(be_between(2, 3))
    end
  end
end
