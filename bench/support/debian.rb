# frozen_string_literal: true

require "fileutils"

module Bench
  # Packages of the system's own Debian or Ubuntu, only unpacked: that needs no right to install anything.
  module Debian
    module_function

    # @param folder [String] gets their files, as in usr/bin
    # @param packages [Array<String>]
    # @return [Boolean] whether they are there
    def unpack(folder, *packages)
      FileUtils.mkdir_p(folder)
      system("apt-get", "update", %i[out err] => File::NULL) # may need root; then the lists are as old as they are
      system("apt-get", "download", *packages, chdir: folder, %i[out err] => File::NULL) &&
        Dir[File.join(folder, "*.deb")].all? { |file| system("dpkg", "-x", file, folder) }
    end

    # @return [Array<String>] the package and what of its dependencies the system lacks
    def missing(package)
      out = IO.popen(["apt-get", "install", "--simulate", "--no-install-recommends", package], err: File::NULL, &:read)
      out.scan(/^Inst (\S+)/).flatten
    end

    # Where the libraries of an unpacked package lie.
    #
    # @return [Hash{String => String}] for +Process.spawn+
    def environment(folder)
      { "LD_LIBRARY_PATH" => Dir[File.join(folder, "usr/lib/*-linux-gnu*")].join(":") }
    end
  end
end
