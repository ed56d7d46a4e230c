variable "name" {
  description = "Name of the deployment, 3 to 20 lower-case letters, digits and dashes. It is part of bucket names."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,19}$", var.name))
    error_message = "Use 3 to 20 lower-case letters, digits and dashes, and begin with a letter."
  }
}

variable "vpc_id" {
  type = string
}

variable "private_subnet_ids" {
  description = "Subnets of Aurora and Redshift. Redshift Serverless wants three zones."
  type        = list(string)
}

variable "tasks_security_group_id" {
  description = "Security group of the engine's tasks: they alone reach the stores."
  type        = string
}

variable "reader_security_group_ids" {
  description = "Security groups of BI tools that may reach Redshift. Empty = none."
  type        = list(string)
  default     = []
}

variable "raw_glacier_days" {
  description = "Days until raw events move to Glacier Instant Retrieval. 0 = never."
  type        = number
  default     = 60
}

variable "staged_days" {
  description = "Days that staged files and lists of query jobs are kept. A batch that is not applied within them is staged again from raw."
  type        = number
  default     = 30
}

variable "intake_days" {
  description = "Days that files of writebacks are kept. They hold values in clear."
  type        = number
  default     = 3
}

variable "audit_days" {
  description = "Days that audit data is locked: 2557 = 7 years with their leap days. Object Lock never lets it be shortened."
  type        = number
  default     = 2557
}

variable "aurora_version" {
  description = "Version of Aurora PostgreSQL at creation. Minor upgrades come by themselves."
  type        = string
  default     = "16.6"
}

variable "aurora_capacity" {
  description = "Aurora capacity units of each instance."
  type        = object({ min = number, max = number })
  default     = { min = 0.5, max = 8 }
}

variable "aurora_instances" {
  description = "Instances, each in a zone of its own. 1 = no standby."
  type        = number
  default     = 2
}

variable "redshift_base_rpu" {
  description = "Base capacity of the workgroup in RPU, a multiple of 8."
  type        = number
  default     = 16
}

variable "redshift_max_rpu" {
  description = "Largest capacity of the workgroup in RPU. It bounds the bill."
  type        = number
  default     = 64
}
