# frozen_string_literal: true

require "socket"
require "tmpdir"
require "support/child_ruby"

RSpec.describe "native code and fork" do
  # Runs a block's script in a forked child and answers with what it wrote and how it ended.
  in_fork = <<~RUBY
    def in_fork
      reader, writer = IO.pipe
      pid = fork do
        reader.close
        writer.write(JSON.generate(yield))
        writer.close
        exit
      end
      writer.close
      text = reader.read
      _, status = Process.wait2(pid)
      [JSON.parse(text), status.exitstatus]
    end
  RUBY

  it "may be loaded before a fork and started after it" do
    result = child_ruby("#{in_fork}\n#{<<~RUBY}")
      FlockOfChefs::Native.version
      inherited = FlockOfChefs::Native::Client.new('{"socket":"/nonexistent","data_dir":"/nonexistent"}')
      answer(in_fork { [raised { probe.wait(10, 1000) }, raised { inherited.call("status", "{}", 500) }] })
    RUBY
    expect(result.answer).to eq([[nil, "FlockOfChefs::ConnectionError"], 0])
  end

  it "refuses what was started before the fork, new or inherited" do
    result = child_ruby("#{in_fork}\n#{<<~RUBY}")
      started = probe
      started.wait(10, 1000)
      client = FlockOfChefs::Native::Client.new('{"socket":"/nonexistent","data_dir":"/nonexistent"}')
      raised { client.call("status", "{}", 500) }
      answer(in_fork do
        [raised { started.wait(10, 1000) }, raised { probe }, raised { client.call("status", "{}", 500) },
         raised { FlockOfChefs::Native::Agent.new(nil).start }, raised { FlockOfChefs::Native.new_id }]
      end)
    RUBY
    expect(result.answer).to eq([["FlockOfChefs::ForkError"] * 5, 0])
  end

  it "names both processes and the remedy" do
    result = child_ruby("#{in_fork}\n#{<<~RUBY}")
      started = probe
      (message, pid), = in_fork do
        started.wait(10, 1000)
      rescue FlockOfChefs::ForkError => e
        [e.message, $$]
      end
      answer([message, $$, pid])
    RUBY
    message, parent, child = result.answer
    expect(message).to include(parent.to_s, child.to_s, "exec")
  end

  it "survives garbage collection and a plain exit in the child" do
    result = child_ruby("#{in_fork}\n#{<<~RUBY}")
      started = probe
      started.wait(10, 1000)
      answer(in_fork do
        started = nil
        100.times { "x" * 100_000 }
        GC.start
        "collected"
      end)
    RUBY
    expect(result.answer).to eq(["collected", 0]), result.to_s
  end

  it "keeps the parent's connection alive after the child exits" do
    Dir.mktmpdir do |dir|
      server = UNIXServer.new(File.join(dir, "echo"))
      echo = Thread.new { server.accept.then { |peer| peer.each_line { |line| peer.write(line) } } }
      result = child_ruby("#{in_fork}\nPATH = #{server.path.inspect}\n#{<<~RUBY}")
        started = probe
        started.connect(PATH)
        before = started.echo("before")
        in_fork do
          raised { started.echo("child") }
          GC.start
        end
        answer([before, started.echo("after")])
      RUBY
      expect(result.answer).to eq(%w[before after]), result.to_s
    ensure
      echo&.kill
      server&.close
    end
  end

  it "lets a wait end although a child that was forked meanwhile holds its descriptors" do
    result = child_ruby(<<~RUBY)
      started = probe
      waiter = Thread.new { started.wait(500, 20_000) }
      sleep 0.1
      pid = fork { sleep }
      began = clock
      waiter.join
      answer(clock - began)
      Process.kill(:KILL, pid)
    RUBY
    expect(result.answer).to be < 10
  end

  it "lets a wait end although a trap forked a child in the middle of it, which goes on waiting at the same place" do
    result = child_ruby(<<~RUBY) { |pid| sleep(0.2) && Process.kill(:USR1, pid) }
      started = probe
      children = []
      trap("USR1") { 4.times { (pid = fork) ? children << pid : break } }
      puts "ready"
      began = clock
      error = raised { started.wait(1_500, 20_000) }
      exit!(0) if error # a child
      children.each { |pid| Process.kill(:KILL, pid) }
      answer([error, children.size, clock - began])
    RUBY
    expect(result.answer).to match([nil, 4, a_value < 10]), result.to_s
  end
end
