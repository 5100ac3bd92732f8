# frozen_string_literal: true

# Stands in for systemctl: writes down what it is asked for, and does with one unit what a service manager does.
# $FAKE_SYSTEMD is a folder with the units.
require "fileutils"
require "shellwords"

# One unit.
class Unit
  PLAIN = %w[PATH LANG FLOCK_MACHINE_ID_FILE].freeze

  def initialize(name)
    @dir = ENV.fetch("FAKE_SYSTEMD")
    @file = File.join(@dir, name)
    @pid_file = "#{@file}.pid"
    @log = "#{@file}.log"
  end

  def show
    $stdout << <<~STATE
      UnitFileState=#{File.exist?("#{@file}.enabled") ? "enabled" : "disabled"}
      ActiveState=#{active? ? "active" : "inactive"}
    STATE
  end

  def enable = FileUtils.touch("#{@file}.enabled")
  def disable = FileUtils.rm_f("#{@file}.enabled")

  def start
    return if active?

    FileUtils.touch(@log)
    began = File.size(@log)
    pid = Process.spawn(environment, *command, in: File::NULL, out: [@log, "a"], err: %i[child out],
                                               unsetenv_others: true, pgroup: true, chdir: "/")
    File.write(@pid_file, pid)
    wait("#{@file} starts") { File.read(@log).byteslice(began..).include?(" runs (pid ") || gone?(pid) }
    abort File.read(@log) if gone?(pid)
    Process.detach(pid)
  end

  def stop
    return unless active?

    Process.kill("TERM", pid)
    wait("#{@file} stops") { !active? }
  end

  def restart
    stop
    start
  end

  def try_restart = (restart if active?)

  private

  def pid = File.read(@pid_file).to_i

  def active?
    File.exist?(@pid_file) && File.read("/proc/#{pid}/stat").split(") ").last[0] != "Z"
  rescue Errno::ENOENT
    false
  end

  def gone?(pid) = Process.wait(pid, Process::WNOHANG)

  def settings(key) = File.readlines(@file, chomp: true).filter_map { |line| line[/\A#{key}=(.*)/, 1]&.gsub("%%", "%") }

  def command = Shellwords.split(settings("ExecStart").first).map { |word| word.gsub("$$", "$") }

  def environment
    given = settings("Environment").flat_map { |line| Shellwords.split(line) }.to_h { |pair| pair.split("=", 2) }
    ENV.slice(*PLAIN).merge(given)
  end

  def wait(what)
    600.times do
      return if yield

      sleep 0.1
    end
    abort "#{what}: too long"
  end
end

verb, *rest = ARGV.reject { |word| word == "--system" }
calls = File.join(ENV.fetch("FAKE_SYSTEMD"), "calls")
File.write(calls, "#{[verb, *rest].join(" ")}\n", mode: "a") unless verb == "show"
exit if verb == "daemon-reload"
Unit.new(rest.last).public_send(verb.tr("-", "_"))
